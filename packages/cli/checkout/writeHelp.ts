/** Writes the help of each command into the built package. */
import { Effect } from "effect"
import { writeFileSync } from "node:fs"
import * as BuiltHelp from "../src/help/BuiltHelp.js"
import * as HelpPages from "../src/commands/HelpPages.js"

writeFileSync(
  new URL("../dist/help.json", import.meta.url),
  BuiltHelp.encode(await Effect.runPromise(HelpPages.all)),
)
