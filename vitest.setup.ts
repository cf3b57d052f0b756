/** Runs before each file of tests. */
import { effect, it, layer, prop, scoped } from "@effect/vitest"
import { afterEach } from "vitest"

// `layer` replaces methods of `it`, also for the files that follow in the same process.
Object.assign(it, { effect, scoped, layer, prop })

// Tests that wait for nothing would keep the process from reading what vitest sends it, which fails after a minute.
afterEach(() => new Promise((resolve) => setImmediate(resolve)))
