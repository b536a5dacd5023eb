test_that("conditions have their classes and fields", {
  e <- tryCatch(stop_rlmm("kind", "100% of 'a'", term = "(1 | g)", level = "b"), error = identity)
  expect_identical(class(e), c("rlmm_kind", "rlmm_error", "error", "condition"))
  expect_identical(conditionMessage(e), "100% of 'a'")
  expect_identical(e$term, "(1 | g)")
  expect_identical(e$level, "b")
  w <- tryCatch(warn_rlmm("kind", "text"), warning = identity)
  expect_identical(class(w), c("rlmm_kind", "rlmm_warning", "warning", "condition"))
  m <- tryCatch(inform_rlmm("kind", "text"), message = identity)
  expect_identical(class(m), c("rlmm_kind", "rlmm_message", "message", "condition"))
  expect_identical(conditionMessage(m), "text\n")
})

test_that("a finding is signalled as asked", {
  expect_error(signal_as("stop", "kind", "text"), class = "rlmm_kind")
  expect_warning(signal_as("warning", "kind", "text"), class = "rlmm_kind")
  expect_message(signal_as("message", "kind", "text"), class = "rlmm_kind")
  expect_silent(signal_as("ignore", "kind", "text"))
})

rust_error <- function(...) {
  structure(class = c("extendr_error", "error", "condition"), list(
    message = "extendr_error", call = NULL, value = list(...)
  ))
}

test_that("what Rust returns passes, its errors are signalled", {
  expect_identical(rust_result(list(1)), list(1))
  e <- tryCatch(
    rust_result(rust_error(kind = "not_finite", message = "50% gone", term = "g", column = NULL)),
    error = identity
  )
  expect_s3_class(e, "rlmm_not_finite")
  expect_identical(conditionMessage(e), "50% gone")
  expect_identical(e$term, "g")
  expect_null(e$column)
  unknown <- structure(class = c("extendr_error", "error", "condition"),
    list(message = "panic", call = NULL, value = NULL))
  expect_error(rust_result(unknown), "panic", class = "rlmm_internal")
})

test_that("an interrupt is one, and try() does not hold it up", {
  caught <- tryCatch(
    try(rust_result(rust_error(kind = "interrupt", message = "interrupted")), silent = TRUE),
    interrupt = function(i) "interrupt"
  )
  expect_identical(caught, "interrupt")
  after <- withRestarts(
    {
      try(rust_result(rust_error(kind = "interrupt", message = "interrupted")), silent = TRUE)
      "went on"
    },
    abort = function() "left"
  )
  expect_identical(after, "left")
})

test_that("lists of names in messages", {
  expect_identical(quoted_list("a"), "'a'")
  expect_identical(quoted_list(c("a", "b", "c")), "'a', 'b' and 'c'")
  expect_match(quoted_list(letters, 3), "'c' and 23 more", fixed = TRUE)
})
