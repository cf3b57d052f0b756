/**
 * `pnpm runlease …`: the command of this checkout, from its sources as they are.
 */
import { pathToFileURL } from "node:url"
import { command } from "./bundle.mjs"

/** Only these commands show the pages of the dashboard. */
const showsPages = ["demo", "dev", "serve"].includes(process.argv[2])
if (showsPages) await import("../../dashboard/web/build.mjs")

const entry = await command()
// The command starts its own processes from this path.
process.argv[1] = entry
await import(pathToFileURL(entry).href)
