export * as CreateProject from "./CreateProject.js"
