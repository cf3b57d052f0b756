export * as AiExecutor from "./AiExecutor.js"
export * as AiModel from "./AiModel.js"
export * as AiTool from "./AiTool.js"
export type * as McpServer from "./McpServer.js"
