/** Writes the help of each command into the built package, from a bundle of all commands: `node packages/cli/checkout/writeHelp.mjs`. */
import { writeFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import * as Bundle from "./bundle.mjs"

const { help } = await import(pathToFileURL(await Bundle.help()).href)
writeFileSync(new URL("../dist/help.json", import.meta.url), await help)
