test_that("variables that are in calls only are kept, for the rows of the fit", {
  d <- method_data()
  d$z[3] <- NA
  scale_of <- 2
  fit <- rlmm(log(Reaction) ~ poly(Days, scale_of) + z + (1 | factor(Subject)), d,
    subset = h != "a")
  rows <- which(d$h != "a" & !is.na(d$z))
  expect_named(fit$raw, c("Reaction", "Days", "Subject"))
  expect_equal(original_data(fit), d[rows, c("Reaction", "Days", "z", "Subject")],
    ignore_attr = TRUE)
  d$Days <- 0
  expect_equal(original_data(fit)$Days, method_data()$Days[rows])
})

test_that("nothing is kept twice, and data are not needed", {
  expect_null(our_fit("slope")$raw)
  expect_named(original_data(our_fit("weighted")), c("Reaction", "Days", "Subject"))
  Reaction <- sleepstudy$Reaction
  Subject <- sleepstudy$Subject
  Days <- sleepstudy$Days
  expect_equal(original_data(rlmm(Reaction ~ sqrt(Days) + (1 | Subject)))$Days, Days)
})

test_that("another response leaves the others as they are", {
  d <- method_data()
  fit <- rlmm(log(Reaction) ~ sqrt(Days) + (1 | Subject), d)
  y <- replace(d$Reaction, 7, NA)
  expect_equal(original_data(refit(fit, y)), d[-7, c("Days", "Subject")], ignore_attr = TRUE)
})
