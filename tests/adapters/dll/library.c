/* A shared library like the centre's: it forwards to whatever listens on VF_DLL_PORT, as the real ones forward to the
 * centre, and does the things that real ones do when they are out of sorts.
 *
 * Forwards: POST /dll/<function>, body = bytes of `in`; the answer's body = bytes for `out`, X-Return = return value.
 * Faults: lines of the file VF_DLL_FAULTS, "<what> [before|after] <code>", each used up by the first call that fits:
 *   segfault, hang, exit, scribble and underrun (past the buffer of 1 MiB, before it), garbage, empty, half, no-nul,
 *   fail (return -1).
 * What comes without "before" happens after the centre has answered. The code of Si_INIT and INIT is INIT.
 */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEGABYTE (1 << 20)

static int overlapping = 0;

static int fault(const char *when, const char *code, char *what, size_t room) {
    const char *path = getenv("VF_DLL_FAULTS");
    static char kept[65536];
    char line[256];
    int found = 0;
    size_t used = 0;
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return 0;
    kept[0] = 0;
    while (fgets(line, sizeof line, file)) {
        char words[3][64] = {"", "", ""};
        int count = sscanf(line, "%63s %63s %63s", words[0], words[1], words[2]);
        const char *at = count == 3 ? words[1] : "after", *of = count == 3 ? words[2] : words[1];
        if (!found && count >= 2 && !strcmp(at, when) && !strcmp(of, code)) {
            found = 1;
            snprintf(what, room, "%s", words[0]);
        } else if (used + strlen(line) < sizeof kept) {
            strcpy(kept + used, line);
            used += strlen(line);
        }
    }
    fclose(file);
    if (found && (file = fopen(path, "w"))) {
        fputs(kept, file);
        fclose(file);
    }
    return found;
}

static void strike(const char *when, const char *code, char *out, int *value) {
    char what[64];
    if (!fault(when, code, what, sizeof what)) return;
    if (!strcmp(what, "segfault")) *(volatile int *)8 = 1;
    else if (!strcmp(what, "hang")) for (;;) sleep(1000);
    else if (!strcmp(what, "exit")) _exit(3);
    else if (!strcmp(what, "scribble")) { memset(out, 'x', MEGABYTE + 300); out[MEGABYTE + 300] = 0; }
    else if (!strcmp(what, "underrun")) memset(out - 8, 'x', 8);
    else if (!strcmp(what, "garbage")) strcpy(out, "\xff\xfe{\x81 not a reply");
    else if (!strcmp(what, "empty")) memset(out, 0, strlen(out));
    else if (!strcmp(what, "half")) out[strlen(out) / 2] = 0;
    else if (!strcmp(what, "no-nul")) memset(out, 'y', MEGABYTE);
    else if (!strcmp(what, "fail")) { strcpy(out, "\xcd\xf8\xc2\xe7\xd2\xec\xb3\xa3"); *value = -1; }
}

static int forward(const char *function, const char *in, char *out) {
    const char *port = getenv("VF_DLL_PORT");
    struct sockaddr_in to = {0};
    static char reply[4 * MEGABYTE];
    char head[256], *body, *mark;
    size_t have = 0, length;
    ssize_t got;
    int peer = socket(AF_INET, SOCK_STREAM, 0), value = 0;
    to.sin_family = AF_INET;
    to.sin_port = htons((unsigned short)atoi(port ? port : "0"));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(peer, (struct sockaddr *)&to, sizeof to)) {
        close(peer);
        strcpy(out, "\xce\xde\xb7\xa8\xc1\xac\xbd\xd3");
        return -99;
    }
    snprintf(head, sizeof head, "POST /dll/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Process: %d\r\nContent-Length: %zu\r\n\r\n",
             function, (int)getpid(), strlen(in));
    (void)!write(peer, head, strlen(head));
    for (length = strlen(in), have = 0; have < length; have += (size_t)got)
        if ((got = write(peer, in + have, length - have)) <= 0) break;
    for (have = 0; have < sizeof reply - 1 && (got = read(peer, reply + have, sizeof reply - 1 - have)) > 0;) {
        have += (size_t)got;
        reply[have] = 0;
        if ((body = strstr(reply, "\r\n\r\n")) && (mark = strcasestr(reply, "content-length:")) && mark < body &&
            have >= (size_t)(body + 4 - reply) + (size_t)atol(mark + 15))
            break;
    }
    close(peer);
    reply[have] = 0;
    if (!(body = strstr(reply, "\r\n\r\n"))) {
        strcpy(out, "\xce\xde\xd3\xa6\xb4\xf0");
        return -98;
    }
    if ((mark = strcasestr(reply, "x-return:")) && mark < body) value = atoi(mark + 9);
    memcpy(out, body + 4, have - (size_t)(body + 4 - reply) + 1);
    return value;
}

static int run(const char *function, const char *code, const char *in, char *out) {
    int value = 0;
    if (overlapping++) _exit(77); /* not thread-safe, as the real ones */
    printf("%s %s\n", function, code); /* real ones write to the console as well */
    fflush(stdout);
    strike("before", code, out, &value);
    value = forward(function, in, out);
    strike("after", code, out, &value);
    overlapping--;
    return value;
}

static int transact(const char *function, const char *in, char *out) {
    char code[5] = "";
    const char *member = strstr(in, "\"infno\":");
    if (*out) return -97; /* the caller has not cleared its buffer */
    if (member) member = strchr(member + 8, '"');
    snprintf(code, sizeof code, "%s", member ? member + 1 : in);
    return run(function, code, in, out);
}

int Si_INIT(char *message) { return run("Si_INIT", "INIT", "", message); }
int INIT(char *message) { return run("INIT", "INIT", "", message); }
int Si_Busi(char *in, char *out) { return transact("Si_Busi", in, out); }
int BUSINESS_HANDLE(char *in, char *out) { return transact("BUSINESS_HANDLE", in, out); }
