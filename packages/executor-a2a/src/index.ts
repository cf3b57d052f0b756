export * as A2aExecutor from "./A2aExecutor.js"
