export * as Mcp from "./Mcp.js"
export * as McpFace from "./McpFace.js"
