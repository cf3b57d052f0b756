/** Where the code of a program is, over its promises. */
import type { FrameworkSteps } from "@runlease/core/executor"
import { AsyncLocalStorage } from "node:async_hooks"

export const places: FrameworkSteps.Places = new AsyncLocalStorage<FrameworkSteps.Place>()
