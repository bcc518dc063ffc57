// What the page needs of jQuery, for machines without it: $.ajax with the members that interface 000 uses.
var $ = {
  ajax: function (options) {
    var request = new XMLHttpRequest();
    request.open(options.type, options.url);
    request.setRequestHeader('Content-Type', options.contentType);
    request.onload = function () { options.success(JSON.parse(request.responseText)); };
    request.onerror = function () { if (options.error) { options.error(request, 'error', ''); } };
    request.send(options.data);
  }
};
