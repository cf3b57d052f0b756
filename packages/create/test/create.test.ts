import { execFile, spawn, type SpawnSyncReturns, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as PackageManager from "../src/PackageManager.js"
import * as Project from "../src/Project.js"
import * as Templates from "../src/Templates.js"

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href
const bin = at("../src/bin.ts")

let root = ""
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "create-runlease-"))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Runs the command in a folder of its own, without a terminal. */
const create = (args: ReadonlyArray<string>, userAgent = ""): SpawnSyncReturns<string> =>
  spawnSync(process.execPath, ["--import", loader, bin, ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, npm_config_user_agent: userAgent },
  })

const read = (...path: ReadonlyArray<string>) => readFileSync(join(root, ...path), "utf8")

describe("create-runlease", () => {
  it("makes each kind of project, with versions and without names of the workspace", () => {
    for (const { firstSteps, name } of Templates.all) {
      Project.write(join(root, name), name, false)
      const text = read(name, "package.json")
      expect(text).not.toMatch(/workspace:|catalog:/)
      const manifest = JSON.parse(text)
      expect(manifest.name).toBe(name)
      expect(Object.keys(manifest.scripts)).toEqual(
        expect.arrayContaining(["check", "test", ...firstSteps.map(([script]) => script)]),
      )
      expect(read(name, ".gitignore")).toContain("node_modules/")
      // Each script is in the README, which has no other.
      const shown = read(name, "README.md").matchAll(/^\| `npm (?:run )?([a-z]+)` +\|/gm)
      expect(Array.from(shown, ([, script]) => script).toSorted()).toEqual(
        Object.keys(manifest.scripts).toSorted(),
      )
      for (const absent of ["_gitignore", "node_modules", "pnpm-workspace.yaml", "_pnpm-workspace.yaml"]) {
        expect(existsSync(join(root, name, absent))).toBe(false)
      }
    }
  })

  it("has files in the place of packages that are not on a registry, with those that they need", () => {
    const packed = [
      ["@runlease/core", []],
      ["@runlease/sql", ["@runlease/core", "@runlease/store", "effect"]],
      ["@runlease/store", ["@runlease/core"]],
      ["@runlease/cli", ["@runlease/core", "@runlease/http"]],
      ["@runlease/http", ["@runlease/core"]],
      ["@runlease/workflow", ["@runlease/core"]],
    ].map(([name, dependencies]) => {
      const tarball = join(root, `${String(name).replace("@", "").replace("/", "-")}-0.1.0.tgz`)
      writeFileSync(tarball, `the bytes of ${name}`)
      return { name: name as string, dependencies: dependencies as ReadonlyArray<string>, tarball }
    })
    Project.write(join(root, "packed"), "worker", false, packed)
    const { dependencies, devDependencies } = JSON.parse(read("packed", "package.json"))
    const filesOf = (all: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(all).filter(([, range]) => range.startsWith("file:")))
    const file = (name: string) => [`@runlease/${name}`, `file:vendor/runlease-${name}-0.1.0.tgz`]
    expect(filesOf(dependencies)).toEqual(Object.fromEntries(["core", "sql", "store"].map(file)))
    expect(filesOf(devDependencies)).toEqual(Object.fromEntries(["cli", "http"].map(file)))
    expect(Object.keys(devDependencies)).not.toContain("@runlease/store")
    expect(dependencies.effect).toMatch(/^\^3/)
    expect(read("packed", "vendor", "runlease-http-0.1.0.tgz")).toBe("the bytes of @runlease/http")
    expect(existsSync(join(root, "packed", "vendor", "runlease-workflow-0.1.0.tgz"))).toBe(false)
  })

  it("takes defaults without a terminal, prints them, and names the commands of the package manager", () => {
    const { status, stdout } = create(["--no-install"], "pnpm/10.34.9 npm/? node/v20.20.2 linux x64")
    expect(status).toBe(0)
    expect(stdout).toContain("Default: folder runlease-project\n")
    expect(stdout).toContain("Default: --template worker")
    expect(stdout).toContain("  cd runlease-project\n  pnpm install\n  pnpm run dev")
    expect(read("runlease-project", "pnpm-workspace.yaml")).toContain("better-sqlite3")
  })

  it("refuses what it cannot do, says what to do, and writes nothing", () => {
    mkdirSync(join(root, "full"))
    writeFileSync(join(root, "full", "notes.txt"), "mine")
    writeFileSync(join(root, "file"), "mine")
    for (const [args, message] of [
      [["full"], "The folder full is not empty: it has notes.txt\nName a new folder"],
      [["file"], "file is not a folder that can be read"],
      [["file/below"], "The folder file/below cannot be made"],
      [["new", "--template", "wrong"], 'There is no template "wrong"\nChoose one with --template: worker, '],
      [["new", "--tempalte", "chat"], "Unknown option '--tempalte'"],
      [["new", "--template", "wroker"], 'There is no template "wroker"\nDid you mean worker? Choose one'],
      [[""], "The folder has no name\nName one, such as my-project"],
      [["node_modules"], "The folder node_modules is one that package managers fill and empty"],
      [["../node_modules/app"], "The folder ../node_modules/app is one that package managers fill"],
      [["new", "chat"], "There is one folder, and not 2"],
    ] as const) {
      const { status, stderr } = create(args)
      expect(stderr).toContain(`Error: ${message}`)
      expect(status).toBe(64)
    }
    expect(create(["new", "--templte", "chat"]).stderr).toContain("Did you mean --template? --help lists")
    expect(existsSync(join(root, "new"))).toBe(false)
    expect(existsSync(join(root, "node_modules"))).toBe(false)
    expect(read("full", "notes.txt")).toBe("mine")
    expect(existsSync(join(root, "full", "package.json"))).toBe(false)
  })

  it("makes names that npm takes, of any folder, and knows its package manager", () => {
    expect(Project.nameOf("/tmp/My Project!")).toBe("my-project")
    expect(Project.nameOf("/tmp/_hidden")).toBe("hidden")
    expect(Project.nameOf("/tmp/項目")).toBe("runlease-project")
    expect(Project.nameOf("/tmp/.hidden")).toBe("hidden")
    expect(Project.nameOf("/tmp/@My Scope/pkg")).toBe("@my-scope/pkg")
    expect(Project.nameOf("/tmp/@/pkg")).toBe("pkg")
    // npm takes no new package of these names, and a package cannot depend on one of its own name.
    expect(["http", "favicon.ico", "effect"].map((name) => Project.nameOf(`/tmp/${name}`))).toEqual([
      "http-project",
      "favicon.ico-project",
      "effect-project",
    ])
    expect(Project.nameOf(`/tmp/${"a".repeat(250)}`).length).toBeLessThanOrEqual(214)
    expect(PackageManager.fromUserAgent("yarn/4.9.1 npm/? node/v20.20.2 linux x64")).toBe("yarn")
    expect(PackageManager.fromUserAgent("bun/1.2.0 npm/? node/v22")).toBe("bun")
    expect(PackageManager.fromUserAgent(undefined)).toBe("npm")
  })

  it("makes a worker whose tests pass, and which ends a run", async () => {
    const folder = join(root, "of-workspace")
    Project.write(folder, "worker", false)
    // The packages are not published yet: the template is a package of the workspace, with these dependencies. `pnpm types` checks its types.
    symlinkSync(at("../templates/worker/node_modules"), join(folder, "node_modules"))
    const npm = (...args: ReadonlyArray<string>) => {
      const child = promisify(execFile)("npm", args, { cwd: folder })
      child.child.stdin?.end("yes\n")
      return child
    }
    expect((await npm("test")).stdout).toContain("2 passed")
    const worker = spawn("npm", ["start"], { cwd: folder, stdio: "ignore", detached: true })
    const ended = once(worker, "exit")
    try {
      const { stdout } = await npm("run", "submit")
      expect(stdout).toContain("Refund order A-17? This looks right. Type yes or no:")
      expect(stdout).toContain("Refunded 90 EUR")
    } finally {
      process.kill(-worker.pid!, "SIGTERM")
      await ended
    }
  })
})
