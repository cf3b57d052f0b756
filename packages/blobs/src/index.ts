export * as BlobStores from "./BlobStores.js"
