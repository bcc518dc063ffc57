"""The console over a store that has seen a million visits: ``filling`` makes the store, ``asking`` reads its pages."""
