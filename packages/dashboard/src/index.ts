export * as Dashboard from "./Dashboard.js"
