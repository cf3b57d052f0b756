/**
 * Checks the built site: every link has its page or file and its heading, and pages of each kind in a real browser have no accessibility fault, no error
 * and no line wider than the screen, in light and dark, on a desktop and on a phone. `--pictures FOLDER` takes a picture of each.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { deadAnchors, deadFiles } from "./check/links.mjs"
import { faultsIn } from "./check/browser.mjs"
import { serve } from "./check/serve.mjs"

const site = join(import.meta.dirname, "../dist/site")
const { values } = parseArgs({ options: { pictures: { type: "string" } } })
if (values.pictures !== undefined) mkdirSync(values.pictures, { recursive: true })

const server = await serve(site)
const problems = [...deadAnchors(site), ...deadFiles(site), ...(await faultsIn(server.url, values.pictures))]
await server.close()

process.stdout.write(`${problems.map((problem) => `${problem}\n`).join("")}${problems.length} problems\n`)
process.exitCode = problems.length === 0 ? 0 : 1
