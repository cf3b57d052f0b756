#!/usr/bin/env node
import { answer } from "./help/Overview.js"

const text = answer(process.argv.slice(2))
if (text === undefined) {
  const { run } = await import("./Process.js")
  run()
} else {
  process.stdout.on("error", () => {})
  process.stdout.write(text)
}
