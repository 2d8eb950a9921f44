// What `tests/gallery.rs` tells the tests.

import assert from "node:assert/strict";

export const told = (name) => process.env[name] ?? assert.fail(`${name} is not set: run tests/gallery.rs`);
