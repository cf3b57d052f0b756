#!/usr/bin/env node
import { main } from "./CommandLine.js"

process.exitCode = await main(process.argv.slice(2), {
  usage: "npm create runlease [FOLDER] [-- --template NAME] [--yes] [--no-install]",
})
