#!/usr/bin/env node
import * as BuiltHelp from "./help/BuiltHelp.js"
import * as Overview from "./help/Overview.js"

const args = process.argv.slice(2)
const text = Overview.answer(args) ?? BuiltHelp.answer(args)
if (text === undefined) {
  const { run } = await import("./Process.js")
  run()
} else {
  process.stdout.on("error", () => {})
  process.stdout.write(text)
}
