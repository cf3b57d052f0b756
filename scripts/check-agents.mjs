// Installs the coding agents that are too large for each checkout (claude-agent-acp, codex-acp: 860 MB), and runs the tests
// that need them: `node scripts/check-agents.mjs`. They stay in node_modules/.cache/agents, where the tests find them.
import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const agents = {
  "@agentclientprotocol/claude-agent-acp": "0.101.0",
  "@agentclientprotocol/codex-acp": "2.6.0",
  "@openai/codex": "0.166.0",
}

const root = join(import.meta.dirname, "..")
const folder = join(root, "node_modules/.cache/agents")

const run = (command, args, cwd) => {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" })
  if (status !== 0) process.exit(status ?? 1)
}

mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, dependencies: agents }))
// claude-agent-acp asks for Node 22 and works on 20.
run("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], folder)
run("npx", ["pnpm@10", "vitest", "run", "packages/cli/test/coding-agents.test.ts"], root)
