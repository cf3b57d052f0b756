/** The help of each command, as the built package has it. */
import { Effect } from "effect"
import * as BuiltHelp from "../src/help/BuiltHelp.js"
import * as HelpPages from "../src/commands/HelpPages.js"

export const help: Promise<string> = Effect.runPromise(Effect.map(HelpPages.all, BuiltHelp.encode))
