export * as RunleaseWorkflowEngine from "./RunleaseWorkflowEngine.js"
