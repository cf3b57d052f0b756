/** CopilotKit's runtime sends what it does to its makers unless this is set before it is loaded. */
process.env["COPILOTKIT_TELEMETRY_DISABLED"] = "true"
