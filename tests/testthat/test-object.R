# What a fitted model is made of, and that it is R data which outlives its session.

slope_fit <- function(...) rlmm(Reaction ~ Days + (Days | Subject), sleepstudy, ...)

# Types of all that can be reached from an object: its elements, attributes, the parts of its
# functions and calls, and its environments up to those of the session.
reachable_types <- function(x) {
  seen <- list()
  types <- character()
  visit <- function(x) {
    types <<- union(types, typeof(x))
    for (part in attributes(x)) visit(part)
    if (is.environment(x)) return(visit_environment(x))
    if (is.function(x) && !is.primitive(x)) {
      visit(environment(x))
      x <- c(formals(x), body(x))
    }
    if (is.recursive(x)) visit_parts(as.list(unclass(x)))
  }
  visit_parts <- function(parts) {
    # an argument without a default is an empty symbol, which no variable can hold
    empty <- vapply(parts, identical, NA, quote(expr = ))
    for (part in parts[!empty]) visit(part)
  }
  visit_environment <- function(env) {
    session <- c(globalenv(), baseenv(), emptyenv(), lapply(search(), as.environment), seen)
    if (isNamespace(env) || any(vapply(session, identical, NA, env))) return(invisible())
    seen <<- c(seen, env)
    for (name in ls(env, all.names = TRUE)) visit(get(name, env))
    visit(parent.env(env))
  }
  visit(x)
  types
}

# A fit from within a function, with a local function and constant in the formula, character groups,
# weights, and data that the formula does not name.
fit_in_function <- function(ballast = NULL) {
  ballast_too <- ballast
  d <- data.frame(sleepstudy, person = as.character(sleepstudy$Subject))
  d$unused <- if (is.null(ballast)) 0 else matrix(ballast, nrow(d))
  w <- rep(c(1, 2), 90)
  half <- 2
  halves <- function(x) x / half
  f <- Reaction ~ poly(halves(Days), 2) + (Days | person)
  rlmm(f, d, weights = w)
}

test_that("the fields are the documented ones", {
  fit <- slope_fit()
  expect_s3_class(fit, "rlmm", exact = TRUE)
  expect_named(fit, c("call", "formula", "frame", "raw", "contrasts", "random", "theta", "beta",
    "u", "sigma", "RX", "REML", "criterion", "dropped", "cmp", "dims", "optinfo", "log", "version",
    "control"))
  expect_named(fit$random[[1]], c("group", "name", "columns", "levels", "kind", "factor",
    "call", "contrasts"), ignore.order = TRUE)
  expect_named(fit$beta, c("(Intercept)", "Days"))
  expect_identical(dimnames(fit$RX), list(names(fit$beta), names(fit$beta)))
  expect_equal(fit$sigma^2 * chol2inv(fit$RX), vcov(fit), ignore_attr = TRUE)
  expect_identical(fit$dims, c(n = 180L, p = 2L, q = 36L, nth = 3L, n_terms = 1L, n_factors = 1L))
  expect_length(fit$u, 36)
  expect_identical(fit$cmp[["REML"]], fit$criterion)
  expect_identical(fit$version, as.character(packageVersion("rlmm")))
  expect_s3_class(fit$control, "rlmm_control")
  expect_identical(fit$dropped, character())
})

test_that("the parts of the criterion add up to it", {
  for (REML in c(TRUE, FALSE)) {
    fit <- slope_fit(REML = REML)
    cmp <- as.list(fit$cmp)
    expect_equal(cmp$pwrss, cmp$wrss + cmp$ussq)
    expect_equal(cmp$ussq, sum(fit$u^2))
    expect_equal(cmp$wrss, sum(residuals(fit)^2), tolerance = 1e-9)
    df <- 180 - if (REML) 2 else 0
    expect_equal(fit$sigma^2, cmp$pwrss / df)
    expect_equal(fit$criterion,
      cmp$ldL2 + (if (REML) cmp$ldRX2 else 0) + df * (1 + log(2 * pi * cmp$pwrss / df)))
    expect_identical(is.na(fit$cmp[["REML"]]), !REML)
  }
})

test_that("no default method of stats answers from a field by accident", {
  fit <- slope_fit()
  expect_false(any(c("coefficients", "residuals", "fitted.values", "weights", "df.residual") %in%
    names(fit)))
})

test_that("timings are in the log alone", {
  again <- lapply(1:2, function(i) slope_fit())
  again <- lapply(again, function(fit) fit[setdiff(names(fit), "log")])
  expect_identical(again[[1]], again[[2]], ignore_formula_env = TRUE)
})

test_that("a fit is R data, all through", {
  data_types <- c("list", "double", "integer", "character", "logical", "language", "symbol", "NULL",
    "environment", "closure", "builtin", "special", "bytecode", "pairlist")
  for (fit in list(slope_fit(), fit_in_function(), suppressMessages(
    rlmm(Reaction ~ Days + I(2 * Days) + (1 | Subject) + (1 | Days), sleepstudy)
  ))) {
    expect_identical(setdiff(reachable_types(fit), data_types), character())
  }
  # the walk does find one where there is one
  devfun <- rlmm_devfun(rlmm_frame(Reaction ~ Days + (Days | Subject), sleepstudy))
  expect_true("externalptr" %in% reachable_types(list(devfun)))
})

test_that("a fit does not carry its caller's data along", {
  size <- function(fit) length(serialize(fit, NULL))
  set.seed(1)
  large <- rnorm(180 * 5000)
  expect_equal(size(fit_in_function(large)), size(fit_in_function()), tolerance = 0.02)
  expect_lt(size(fit_in_function(large)), 60000)
  fits <- lapply(1:2, function(i) {
    copy <- large
    slope_fit()
  })
  expect_lt(size(fits), 30000)
})

# What a session has to say about a fit.
questions <- c(
  "print(fit)", "print(summary(fit))", "cat(predict(fit)[c(1, 77)], '\\n')",
  "cat(predict(fit, data.frame(Days = c(0, 5), person = '309')), '\\n')",
  "effects <- ranef(fit, condVar = TRUE)$person",
  "cat(effects['350', 2], attr(effects, 'postVar')[, , 3], '\\n')",
  "cat(getME(fit, 'theta'), dim(getME(fit, 'Z')), sum(getME(fit, 'X')), '\\n')",
  "cat(sum(getME(fit, 'mu')), as.matrix(getME(fit, 'RZX'))[1:5], '\\n')",
  "print(VarCorr(fit))", "print(vcov(fit))", "print(logLik(fit))", "print(optinfo(fit))"
)

test_that("a saved fit says the same in a new session", {
  skip_if_not(installed(), "rlmm is not installed")
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  fit <- fit_in_function()
  saveRDS(fit, file)
  there <- run_in_new_session(c(
    "suppressMessages(library(rlmm))", "options(useFancyQuotes = FALSE)",
    paste0("fit <- readRDS(", deparse(file), ")"), questions
  ))
  here <- capture.output(eval(parse(text = questions), list(fit = fit), globalenv()))
  expect_identical(there, here)
})

test_that("optinfo is the whole record of the search", {
  fit <- slope_fit()
  info <- optinfo(fit)
  expect_true(all(c("evaluations", "trace", "gradient", "hessian", "certificate", "factorisation",
    "messages", "stopped") %in% names(info)))
  expect_identical(info$evaluations, nrow(info$trace))
  expect_identical(colnames(info$trace), c("evaluation", "criterion", "gradient", "radius"))
  expect_true(min(info$trace[, "criterion"]) >= fit$criterion - 1e-9)
  expect_lt(info$trace[nrow(info$trace), "gradient"], info$trace[1, "gradient"])
  expect_true(info$certificate$certified)
  expect_gt(info$certificate$smallest_eigenvalue, 0)
  expect_match(info$certificate$text, "certified")
  expect_named(info$certificate$terms[[1]], c("name", "stationarity", "positivity", "direction"))
  expect_true(all(c("kind", "threads") %in% names(info$factorisation)))
  expect_identical(info$messages, character())
})

test_that("a search that is cut short is not certified, and says so", {
  expect_warning(
    fit <- slope_fit(control = rlmm_control(max_eval = 2)), class = "rlmm_not_certified"
  )
  expect_false(optinfo(fit)$certificate$certified)
  expect_lte(optinfo(fit)$evaluations, 2)
  expect_false(optinfo(fit)$stopped == "converged")
})

at <- function(fit, theta, hessian = FALSE) {
  rlmm:::rust_result(rlmm:::rust_at(rlmm:::rust_state(fit), theta, hessian))
}

# Differences of the gradient, central except at the boundary, and made symmetric.
differences <- function(fit, theta, step = 1e-5) {
  lower <- getME(fit, "lower")
  columns <- vapply(seq_along(theta), function(k) {
    near <- theta[k] + c(-1, 1) * step * max(1, abs(theta[k]))
    near[1] <- max(near[1], lower[k])
    gradients <- lapply(near, function(value) at(fit, replace(theta, k, value))$gradient)
    (gradients[[2]] - gradients[[1]]) / diff(near)
  }, theta)
  (columns + t(columns)) / 2
}

derivative_fits <- function() {
  list(
    slope = slope_fit(), slope_ml = slope_fit(REML = FALSE),
    crossed = rlmm(Weight ~ Time + (Time | Pig) + (1 | Litter) + (1 | Evit:Cu), dietox),
    split = rlmm(Weight ~ Time * Evit + (Time || Pig), dietox, REML = FALSE,
      weights = 1 / (1 + Time), offset = Start)
  )
}

test_that("gradient and Hessian are the criterion's derivatives, at the estimates and elsewhere", {
  fits <- suppressMessages(derivative_fits())
  for (name in names(fits)) {
    fit <- fits[[name]]
    info <- optinfo(fit)
    expect_equal(at(fit, fit$theta)$gradient, info$gradient, tolerance = 1e-4, label = name)
    free <- fit$theta > 0 | !rlmm:::theta_on_diagonal(fit)
    newton <- solve(info$hessian[free, free], info$gradient[free])
    # what a further step could gain, and how far it would go
    expect_lt(sum(newton * info$gradient[free]) / 2, 1e-8, label = paste(name, "decrement"))
    expect_lt(max(abs(newton)), 1e-3, label = paste(name, "step"))
    expect_equal(info$hessian, differences(fit, fit$theta), tolerance = 1e-5,
      label = paste(name, "Hessian"))
    elsewhere <- fit$theta * 1.3 + 0.05
    expect_equal(at(fit, elsewhere, TRUE)$hessian, differences(fit, elsewhere), tolerance = 1e-5,
      label = paste(name, "Hessian elsewhere"))
    value <- function(theta) at(fit, theta)$criterion
    slopes <- vapply(seq_along(elsewhere), function(k) {
      shift <- replace(numeric(length(elsewhere)), k, 1e-5)
      (value(elsewhere + shift) - value(elsewhere - shift)) / 2e-5
    }, 0)
    expect_equal(at(fit, elsewhere)$gradient, slopes, tolerance = 1e-5,
      label = paste(name, "gradient elsewhere"))
  }
})

test_that("wrong input to Rust is a classed error", {
  fit <- slope_fit()
  expect_rlmm_error(at(fit, c(1, 0)), "dimension", "3", "2")
  expect_rlmm_error(at(fit, c(1, NaN, 1)), "not_finite", "theta")
  expect_rlmm_error(at(fit, c(1, Inf, 1)), "not_finite", "theta")
  expect_rlmm_error(at(fit, "one"), "internal", "theta")
  expect_rlmm_error(
    rlmm:::rust_result(rlmm:::rust_cond_var(rlmm:::rust_state(fit), 1)), "dimension"
  )
})

# A list that rust_model() does not expect.
broken_model <- function(change) {
  frame <- rlmm_frame(Reaction ~ Days + (Days | Subject), sleepstudy)
  term <- change(rlmm:::term_for_rust(frame$random[[1]], NULL))
  rlmm:::rust_result(rlmm:::rust_model(
    frame$X, colnames(frame$X), frame$y, NULL, NULL, list(term), TRUE, 1L
  ))
}

test_that("terms that contradict themselves are classed errors", {
  expect_rlmm_error(broken_model(function(term) within(term, codes[3] <- 99L)), "dimension")
  expect_rlmm_error(broken_model(function(term) within(term, codes[3] <- NA)), "dimension")
  expect_rlmm_error(broken_model(function(term) within(term, codes <- codes[-1])), "dimension")
  expect_rlmm_error(broken_model(function(term) within(term, Z <- Z[1:7, ])), "dimension")
  expect_rlmm_error(broken_model(function(term) within(term, Z <- "a")), "internal")
})

# A factor that no term has makes the core panic.
test_that("a panic in Rust is a classed R error, and the next fit works", {
  expect_rlmm_error(broken_model(function(term) within(term, factor <- 3L)), "internal")
  expect_rlmm_error(broken_model(function(term) within(term, factor <- 0L)), "internal")
  expect_equal(slope_fit()$criterion, 1743.62827196, tolerance = 1e-9)
})

test_that("a pointer that was saved and read again is an error, not a crash", {
  model <- rlmm:::rust_state(slope_fit())
  dead <- unserialize(serialize(model, NULL))
  expect_error(rlmm:::rust_result(rlmm:::rust_at(dead, c(1, 0, 1), FALSE)))
  expect_error(rlmm:::rust_result(rlmm:::rust_at(NULL, c(1, 0, 1), FALSE)))
})
