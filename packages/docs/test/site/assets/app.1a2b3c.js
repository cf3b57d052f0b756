document.title = "Docs"
