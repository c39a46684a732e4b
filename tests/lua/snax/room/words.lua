return { word = "of the folder" }
