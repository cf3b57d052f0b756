export * as Docs from "./Docs.js"
