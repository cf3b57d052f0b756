#!/usr/bin/env node
import * as Module from "node:module"
import * as BuiltHelp from "./help/BuiltHelp.js"
import * as Overview from "./help/Overview.js"

const args = process.argv.slice(2)
const text = Overview.answer(args) ?? BuiltHelp.answer(args)
if (text === undefined) {
  // From Node.js 22.8 on, the next process reads what this one compiled. The types are those of Node.js 20.
  const { enableCompileCache } = Module as typeof Module & { readonly enableCompileCache?: () => unknown }
  enableCompileCache?.()
  const { run } = await import("./Process.js")
  run()
} else {
  process.stdout.on("error", () => {})
  process.stdout.write(text)
}
