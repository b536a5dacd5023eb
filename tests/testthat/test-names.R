test_that("no function is defined twice", {
  sources <- list.files(test_path("..", "..", "R"), "[.]R$", full.names = TRUE)
  skip_if(length(sources) == 0, "the sources are not there")
  assigned <- unlist(lapply(sources, function(file) {
    lapply(parse(file, keep.source = FALSE), function(expr) {
      if (is.call(expr) && identical(expr[[1]], quote(`<-`)) && is.name(expr[[2]])) {
        as.character(expr[[2]])
      }
    })
  }))
  expect_gt(length(assigned), 500)
  expect_equal(assigned[duplicated(assigned)], character())
})
