# vignette("ecosystem") is made from these rows.
test_that("every row of the vignette holds", {
  skip_if_not_installed("lme4")
  skip_if_not_installed("generics")
  skip_if_not(installed(), "rlmm is not installed")
  rows <- new.env(parent = globalenv())
  sys.source(system.file("ecosystem", "rows.R", package = "rlmm"), rows)
  run <- rows$run_ecosystem()
  expect_gt(nrow(run), 40)
  for (i in seq_len(nrow(run))) {
    expect_no_match(run$result[i], "^ERROR", label = paste(run$package[i], run$functions[i]))
  }
  table <- rows$ecosystem_table(run)
  expect_equal(table$Package, unique(run$package))
})

test_that("an unexplained difference, and an explanation without one, are found", {
  skip_if_not_installed("lme4")
  skip_if_not(installed(), "rlmm is not installed")
  rows <- new.env(parent = globalenv())
  sys.source(system.file("ecosystem", "rows.R", package = "rlmm"), rows)
  models <- list(days = list(rlmm = 1, lmer = 2))
  check <- function(...) rows$run_ecosystem(list(rows$row("stats", "f()", "days", ...)), models)
  expect_match(check(x)$result, "ERROR: different")
  expect_equal(check(x, why = "reason")$result, "reason")
  expect_match(check(x - x, why = "reason")$result, "no longer")
  expect_equal(check(x - x)$result, "same")
  expect_match(check(nowhere(x))$result, "ERROR")
  # put together here, as R CMD check looks for packages that tests name
  absent <- as.call(list(call("::", as.name("nosuchpackage"), as.name("f")), quote(x)))
  expect_equal(do.call(check, list(absent))$result, "not installed here")
})
