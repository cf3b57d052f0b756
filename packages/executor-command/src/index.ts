export * as CommandExecutor from "./CommandExecutor.js"
