/** The coding agents of the folder `agents`, which are too large to be dependencies: `npx pnpm@10 agents` installs them. */
import { existsSync } from "node:fs"
import { arch, platform } from "node:os"
import { fileURLToPath } from "node:url"

export interface InstalledAgent {
  readonly name: string
  /** The path of its program. */
  readonly command: string
  readonly isInstalled: boolean
}

/** The agent whose program has that path below its `node_modules`. `system` is the only one that it has a program for. */
export const find = (name: string, program: string, system?: string): InstalledAgent => {
  const command = fileURLToPath(new URL(`../agents/${name}/node_modules/${program}`, import.meta.url))
  const runs = system === undefined || system === `${platform()}-${arch()}`
  return { name, command, isInstalled: runs && existsSync(command) }
}

/** Whether the agent's tests are skipped. A line then says how it is installed. */
export const isMissing = ({ isInstalled, name }: InstalledAgent): boolean => {
  if (!isInstalled) {
    process.stderr.write(
      `${name} is not installed, so its tests are skipped. Install it: npx pnpm@10 agents --filter ${name}\n`,
    )
  }
  return !isInstalled
}
