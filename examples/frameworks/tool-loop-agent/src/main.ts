import { show } from "../../src/demonstration.js"

show(new URL("worker.ts", import.meta.url))
