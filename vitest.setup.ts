/** Runs before each file of tests. `layer` replaces methods of `it`, also for the files that follow in the same process. */
import { effect, it, layer, prop, scoped } from "@effect/vitest"

Object.assign(it, { effect, scoped, layer, prop })
