#!/usr/bin/env node
/**
 * The published command. It starts from a bundle, in half the CPU time that the modules take. A module of a user, and the package of a
 * model's provider, import Effect: the worker that runs them is not from the bundle, which has a copy of Effect. The module of the
 * demonstration is in the bundle.
 */
import { argv } from "node:process"
import { fileURLToPath } from "node:url"

const args = argv.slice(2)
const isDemo = args.includes(fileURLToPath(new URL("../demo/Agents.js", import.meta.url)))
const usesOthers = !isDemo && args.includes("worker") && args.some((arg) => /^--mod(ule|el)(=|$)/i.test(arg))
await (usesOthers ? import("@runlease/cli/bin") : import("../src/bin.js"))
