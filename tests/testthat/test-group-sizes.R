test_that("sizes are those of the table", {
  fit <- rlmm(Weight ~ Time + (1 | Litter / Pig), dietox)
  sizes <- group_sizes(fit)
  by_pig <- table(dietox$Pig)
  expect_equal(sizes$group, c("Pig:Litter", "Litter"))
  expect_equal(sizes$min[1], min(by_pig))
  expect_equal(sizes$max[2], max(table(dietox$Litter)))
  expect_equal(sizes$mean[1], mean(by_pig))
  # what statsmodels prints of the same data
  pigs <- group_sizes(rlmm(Weight ~ Time + (1 | Pig), dietox))
  expect_equal(unlist(pigs[2:5]), c(levels = 72, min = 11, mean = 861 / 72, max = 12))
  expect_output(print(pigs), "Mean")
  expect_error(group_sizes(1), class = "rlmm_no_method")
})

test_that("rows of weight zero do not count", {
  d <- method_data()
  d$w[1:4] <- 0
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d, weights = w)
  expect_equal(group_sizes(fit)$min, 6)
})

test_that("the summary prints them on request", {
  fit <- our_fit("slope")
  expect_output(print(summary(fit, group.sizes = TRUE)), "Rows by level")
  printed <- paste(utils::capture.output(print(summary(fit))), collapse = " ")
  expect_no_match(printed, "Rows by level")
})
