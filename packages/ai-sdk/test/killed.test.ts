import * as AdapterProcesses from "./AdapterProcesses.js"

AdapterProcesses.make(new URL("fixtures/worker.ts", import.meta.url))
