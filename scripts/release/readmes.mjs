// The examples of the packages' READMEs: each TypeScript block is a program, and a text block after it is what the program prints.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fail, run } from "../install/project.mjs"

const block = /^```(ts|text|sh)\n([\s\S]*?)^```$/gm

/** The programs of a README in their order, each with what it prints, if the README shows that. */
export const examplesOf = (readme) => {
  const examples = []
  for (const [, language, text] of readme.matchAll(block)) {
    if (language === "ts") examples.push({ program: text, name: /^\/\/ (\S+)\n/.exec(text)?.[1] })
    else if (language === "text" && examples.length > 0) examples.at(-1).output = text
  }
  return examples
}

/** Every public package has a README with an example, and a library has one in TypeScript. */
const checkReadme = ({ folder, manifest }, readme) => {
  const languages = [...readme.matchAll(block)].map(([, language]) => language)
  const wanted = manifest.exports === undefined || manifest.bin !== undefined ? ["ts", "sh"] : ["ts"]
  if (!languages.some((language) => wanted.includes(language))) {
    fail(`${folder}/README.md has no example: add a block of ${wanted.join(" or ")}`)
  }
}

/** Writes the examples of these packages into `examples` of the project. */
export const writeExamples = (project, packages) => {
  const target = join(project, "examples")
  mkdirSync(target, { recursive: true })
  return packages.flatMap((each) => {
    const readme = readFileSync(join(each.folder, "README.md"), "utf8")
    checkReadme(each, readme)
    return examplesOf(readme).map((example, at) => {
      const name = `${each.folder.split("/").at(-1)}-${at + 1}${example.name?.endsWith(".test.ts") ? ".test.ts" : ".ts"}`
      writeFileSync(join(target, name), example.program)
      return { ...example, file: join("examples", name), readme: `${each.folder}/README.md` }
    })
  })
}

/** Runs an example as a program of its own: a test with vitest, any other to its end, which is that of its output where it shows one. */
const runExample = (project, { file, output, readme }, env) => {
  if (file.endsWith(".test.ts")) {
    const report = run(
      join(project, "node_modules/.bin/vitest"),
      ["run", file, "--test-timeout", "60000"],
      project,
      env,
    )
    if (!/Tests\s+.*[1-9]\d* passed/.test(report)) fail(`${readme}: no test of the example passed: ${report}`)
    return "its tests pass"
  }
  // Effect's log is on stdout too.
  const printed = run("node", [join("dist", file.replace(/\.ts$/, ".js"))], project, env)
  if (output === undefined) return "loads and ends"
  const shown = printed.replaceAll(/^timestamp=.*\n/gm, "")
  if (shown.trim() !== output.trim())
    fail(`${readme} shows ${output.trim()}, and its example prints ${shown}`)
  return "prints what the README shows"
}

export const runExamples = (project, examples, env) => {
  for (const example of examples) console.log(`${example.readme}: ${runExample(project, example, env)}`)
}
