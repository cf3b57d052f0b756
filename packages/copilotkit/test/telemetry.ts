/** Turns off CopilotKit's telemetry, which must happen before the runtime loads. */
process.env["COPILOTKIT_TELEMETRY_DISABLED"] = "true"
