/** Runs before each file of tests. */
import { effect, it, layer, prop, scoped } from "@effect/vitest"
import { afterEach } from "vitest"

// The first of Node.js and of each library with its own copy of fetch decides which one serves all: here always Node.js, as in the pages
// that tests stand for, and not what a file before brought.
await fetch("data:,")

// `layer` replaces methods of `it`, also for the files that follow in the same process.
Object.assign(it, { effect, scoped, layer, prop })

// Tests that wait for nothing would keep the process from reading what vitest sends it, which fails after a minute.
afterEach(() => new Promise((resolve) => setImmediate(resolve)))
