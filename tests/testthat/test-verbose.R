slopes <- function(...) rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, ...)

test_that("a verbose fit tells sizes, factorisation, steps and outcome", {
  lines <- capture.output(fit <- slopes(verbose = 1))
  expect_identical(lines[1:2], c(
    "REML fit of 180 observations: 2 fixed effects, 3 covariance parameters",
    "  (Days | Subject): 18 levels, 2 columns"
  ))
  expect_match(lines[3], "^Factorisation: the 36 effects of Subject level by level$")
  expect_match(lines[4], "^Cost of an evaluation: about [0-9,]+ operations with 1 thread$")
  steps <- grep("^evaluation +[0-9]+: criterion [0-9.]+, largest scaled gradient ", lines)
  expect_identical(steps, 4L + seq_len(optinfo(fit)$evaluations))
  expect_match(lines[length(lines)],
    "^converged after [0-9]+ evaluations; local optimum, certified$")
  expect_length(lines, max(steps) + 1L)
  expect_output(print(optinfo(fit)), lines[4], fixed = TRUE)

  expect_identical(capture.output(fit <- slopes(verbose = TRUE)), lines)
  expect_silent(fit <- slopes(verbose = 0))
  expect_silent(slopes(control = rlmm_control(progress = TRUE)))
})

test_that("the matrix of what remains is told, with its kind and size", {
  d <- expand.grid(a = 1:40, b = 1:30, rep = 1:2)
  set.seed(1)
  d$y <- rnorm(40)[d$a] + rnorm(30)[d$b] + rnorm(nrow(d))
  lines <- capture.output(rlmm(y ~ (1 | a) + (1 | b), d, REML = FALSE, verbose = 1))
  expect_match(lines[1],
    "^Maximum likelihood fit of 2,400 observations: 1 fixed effect, 2 covariance parameters$")
  expect_match(lines[4], paste0("^Factorisation: the 40 effects of a level by level, ",
    "the other 30 as a dense matrix \\(0.0072 MB\\)$"))

  # 3,000 pairs of levels that share few rows: on a thread of its own, sparse
  set.seed(2)
  d <- data.frame(a = rep(1:3000, each = 3), b = (rep(1:3000, each = 3) + c(0, 1, 5)) %% 3000)
  d$y <- rnorm(3000)[d$a] + rnorm(3000)[d$b + 1] + rnorm(9000)
  lines <- capture.output(fit <- rlmm(y ~ (1 | a) + (1 | b), d, verbose = 1))
  expect_match(lines[4], "the other 3,000 as a sparse matrix", fixed = TRUE)
  expect_identical(length(grep("^evaluation", lines)), optinfo(fit)$evaluations)
})

test_that("the steps tell their own part", {
  frame <- rlmm_frame(Reaction ~ Days + (1 | Subject), sleepstudy)
  expect_output(devfun <- rlmm_devfun(frame, verbose = 1), "180 observations.*Factorisation")
  expect_silent(devfun <- rlmm_devfun(frame))
  expect_output(rlmm_optimize(devfun, verbose = 1), "^evaluation +1.*converged")
  expect_silent(rlmm_optimize(devfun))
})

test_that("progress is shown when a fit is expected to take long, otherwise after two seconds", {
  known <- list(kind = "dense", leading = "g", leading_size = 5e4, trailing_size = 2e4,
    trailing_operations = 3e12, trailing_bytes = 3.2e9, operations = 6e12, threads = 2L)
  expect_output(after <- progress_after(known), paste0("the 50,000 effects of g level by level, ",
    "the other 20,000 as a dense matrix \\(3.2 GB\\)\nCost of an evaluation: about ",
    "6,000 billion operations with 2 threads"))
  expect_identical(after, 0)
  known$operations <- 1e7
  expect_silent(after <- progress_after(known))
  expect_identical(after, 2)

  frame <- list(y = seq_len(2e6), X = matrix(0, 0, 100), random = list(list(columns = "x")))
  expect_output(announce_reading(frame), "^Reading 2 million rows$")
  frame$y <- 1:1000
  expect_silent(announce_reading(frame))
})
