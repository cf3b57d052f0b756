/** The projects whose tests `pnpm test` runs. */
export default ["packages/*", "examples", "examples/testing", "examples/copilotkit", "examples/docs"]
