/** Examples of the endpoint of MCP. */
export const examples = {
  "mcp.message": {
    sent: {
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "get_run", arguments: { run_id: "report-1" } },
    },
    answer: {
      jsonrpc: "2.0",
      id: 1,
      result: {
        content: [{ type: "text", text: "…" }],
        structuredContent: { run_id: "report-1", status: "completed" },
      },
    },
  },
}
