export * as AcpExecutor from "./AcpExecutor.js"
