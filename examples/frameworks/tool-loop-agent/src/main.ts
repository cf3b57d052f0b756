import { show } from "../../src/demonstration.js"

show(import.meta.url)
