# The fit, and the messages and warnings that it signalled.
listening <- function(expr) {
  heard <- list()
  hear <- function(restart) function(condition) {
    heard <<- c(heard, list(condition))
    invokeRestart(restart)
  }
  fit <- withCallingHandlers(expr, message = hear("muffleMessage"), warning = hear("muffleWarning"))
  list(fit = fit, heard = heard)
}

expect_log_of <- function(found, kinds) {
  log <- fit_log(found$fit)$conditions
  expect_equal(log$kind, kinds)
  expect_equal(log$kind, vapply(found$heard, function(c) class(c)[1], ""))
  expect_equal(log$text, trimws(vapply(found$heard, conditionMessage, "")))
  expect_equal(log$type, ifelse(vapply(found$heard, inherits, NA, "warning"), "warning", "message"))
}

test_that("a fit with nothing to say has an empty log", {
  log <- fit_log(our_fit("slope"))
  expect_named(log$conditions, c("type", "kind", "text"))
  expect_equal(nrow(log$conditions), 0)
  expect_output(print(log), "No messages")
  expect_identical(log$search, optinfo(our_fit("slope")))
  expect_s3_class(log$date, "POSIXct")
  expect_identical(log$version, as.character(packageVersion("rlmm")))
  expect_error(fit_log(1), class = "rlmm_no_method")
})

test_that("the log has every message and warning of the fit, in order", {
  d <- method_data()
  d$x <- d$Days - 3
  found <- listening(rlmm(Reaction ~ log(x + 3.5) + Days + Days2 + (Days | Subject), d,
    control = rlmm_control(max_eval = 1)))
  expect_log_of(found, c("rlmm_rank_deficient", "rlmm_not_certified"))
  expect_match(fit_log(found$fit)$conditions$text[1], "Days2")
  found <- listening(rlmm(Reaction ~ Days + Days2 + (Days | Subject) + (1 | h), d))
  expect_log_of(found, c("rlmm_rank_deficient", "rlmm_singular"))
  # also those of functions in the formula
  found <- listening(rlmm(Reaction ~ sqrt(x) + (1 | Subject), d, subset = x > -10))
  expect_log_of(found, "simpleWarning")
  expect_match(fit_log(found$fit)$conditions$text, "NaN")
  expect_output(print(fit_log(found$fit)), "simpleWarning.*NaN")
})

test_that("checks that the user made warnings or messages are logged as such", {
  d <- method_data()[1:18, ]
  d$Subject <- factor(1:18)
  for (action in c("warning", "message")) {
    check <- list(nobs_vs_nlev = action, nobs_vs_nRE = action)
    found <- listening(rlmm(Reaction ~ Days + (1 | Subject), d, weights = w,
      control = rlmm_control(check = check)))
    log <- fit_log(found$fit)$conditions
    expect_equal(log$kind[1:2], c("rlmm_too_many_levels", "rlmm_too_many_effects"))
    expect_equal(log$type[1:2], rep(action, 2))
  }
})

test_that("what the user does not see is logged too", {
  fit <- suppressMessages(rlmm(Yield ~ 1 + (1 | Batch), model_data("singular")))
  expect_equal(fit_log(fit)$conditions$kind, "rlmm_singular")
  expect_match(fit_log(fit)$conditions$text, "Batch")
  expect_output(print(fit_log(fit)), "message .rlmm_singular.*Batch")
})

test_that("refits and updates have a log of their own", {
  fit <- our_fit("singular")
  again <- refit(fit, seq_along(getME(fit, "y")) + 0)
  expect_equal(nrow(fit_log(again)$conditions), 0)
  back <- suppressMessages(refit(again, getME(fit, "y")))
  expect_equal(fit_log(back)$conditions, fit_log(fit)$conditions)
  d <- method_data()
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d)
  found <- listening(update(fit, . ~ . + Days2))
  expect_log_of(found, "rlmm_rank_deficient")
})

test_that("timings are by stage, and add up to the time of the call", {
  taken <- system.time(fit <- suppressMessages(fit_with(quote(rlmm), "insteval")))[["elapsed"]]
  seconds <- fit_log(fit)$seconds
  expect_named(seconds, c("frame", "reduce", "search", "object"))
  expect_true(all(seconds >= 0))
  expect_lt(sum(seconds), taken + 0.01)
  expect_named(fit_log(refitML(fit))$seconds, c("search", "object"))
  expect_output(print(fit_log(fit)), "Seconds: frame")
})

test_that("of a fit in steps the log has what its state says", {
  frame <- rlmm_frame(Yield ~ 1 + (1 | Batch), model_data("singular"))
  fit <- suppressMessages(rlmm_object(frame, rlmm_optimize(rlmm_devfun(frame))))
  expect_equal(fit_log(fit)$conditions, fit_log(our_fit("singular"))$conditions)
  expect_null(fit_log(fit)$seconds)
  opt <- rlmm_optimize(rlmm_devfun(rlmm_frame(Reaction ~ Days + (Days | Subject), sleepstudy,
    control = rlmm_control(max_eval = 1))))
  fit <- suppressWarnings(rlmm_object(rlmm_frame(Reaction ~ Days + (Days | Subject), sleepstudy),
    opt))
  expect_equal(fit_log(fit)$conditions$kind, "rlmm_not_certified")
})

test_that("the record is small, and is saved with the fit", {
  fit <- our_fit("singular")
  read <- unserialize(serialize(fit, NULL))
  expect_equal(fit_log(read), fit_log(fit))
  expect_identical(our_fit("slope")$log$conditions, list())
})
