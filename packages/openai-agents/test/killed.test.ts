import * as AdapterProcesses from "../../ai-sdk/test/AdapterProcesses.js"

AdapterProcesses.make(new URL("fixtures/worker.ts", import.meta.url))
