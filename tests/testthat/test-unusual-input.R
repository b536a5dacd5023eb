# What is unusual, and works.

quietly <- function(expr) suppressMessages(expr, "rlmm_singular")

# The same fit, whatever way the model was put.
expect_same_fit <- function(a, b) {
  expect_equal(a$criterion, b$criterion, tolerance = 1e-9)
  expect_equal(a$beta, b$beta, tolerance = 1e-6)
  expect_equal(a$theta, b$theta, tolerance = 1e-5)
}

grouped <- function() {
  d <- as.data.frame(sleepstudy)
  set.seed(5)
  d$w <- runif(nrow(d), 0.5, 2)
  d
}

reference <- quietly(rlmm(Reaction ~ Days + (1 | Subject), grouped()))
slope <- quietly(rlmm(Reaction ~ Days + (Days | Subject), grouped()))

test_that("groups of any type", {
  d <- grouped()
  d$id <- as.integer(as.character(d$Subject))
  same <- function(group) {
    d$group <- group
    fit <- rlmm(Reaction ~ Days + (1 | group), d)
    expect_same_fit(fit, reference)
    expect_equal(fit$random[[1]]$levels, levels(factor(group)))
  }
  same(as.character(d$Subject))
  same(d$id)
  same(d$id / 8)
  same(as.Date("2020-01-01") + d$id)
  same(factor(d$Subject, levels = c("none", levels(d$Subject), "nobody")))
  same(factor(d$Subject, labels = paste("S\u00fcj\u00e9t \u4e3b\u9898", 1:18)))
  same(factor(d$Subject, labels = paste0("100% of %s ", letters[1:18])))
  skip_if_not_installed("haven")
  same(haven::labelled(d$id, c(first = 308)))
})

test_that("logical groups", {
  d <- grouped()
  d$half <- d$Subject %in% levels(d$Subject)[1:9]
  fit <- quietly(rlmm(Reaction ~ Days + (1 | half), d))
  expect_equal(fit$random[[1]]$levels, c("FALSE", "TRUE"))
})

test_that("names with a percent sign, a blank, and letters of other languages", {
  d <- grouped()
  names(d)[1:3] <- c("100% time", "d\u00e4ys %d", "sub ject%s")
  days <- "`d\u00e4ys %d`"
  fit <- rlmm(paste("`100% time` ~", days, "+ (", days, "| `sub ject%s`)"), d)
  expect_equal(fit$criterion, slope$criterion, tolerance = 1e-9)
  expect_equal(fit$random[[1]]$group, "sub ject%s")
  expect_length(random_terms(fit), 1)
  expect_rlmm_error(rlmm(`100% time` ~ `x%s` + (1 | `sub ject%s`), d), "missing_variable", "'x%s'")
})

test_that("data of any kind, and none", {
  d <- grouped()
  fit <- function(data) rlmm(Reaction ~ Days + (1 | Subject), data)
  expect_same_fit(fit(as.list(d)), reference)
  expect_same_fit(fit(list2env(d)), reference)
  Reaction <- d$Reaction
  Days <- d$Days
  Subject <- d$Subject
  expect_same_fit(rlmm(Reaction ~ Days + (1 | Subject)), reference)
  expect_same_fit(fit(NULL), reference)
  # one column from the data, the others from the environment
  expect_same_fit(fit(d["Reaction"]), reference)
  expect_same_fit(rlmm(d$Reaction ~ Days + (1 | d$Subject)), reference)
})

test_that("tibbles, grouped tibbles and data.tables", {
  d <- grouped()
  fit <- function(data) rlmm(Reaction ~ Days + (1 | Subject), data, subset = Days >= 0)
  if (requireNamespace("tibble", quietly = TRUE)) {
    expect_same_fit(fit(tibble::as_tibble(d)), reference)
  }
  if (requireNamespace("dplyr", quietly = TRUE)) {
    expect_same_fit(fit(dplyr::group_by(d, Subject)), reference)
  }
  if (requireNamespace("data.table", quietly = TRUE)) {
    expect_same_fit(fit(data.table::as.data.table(d)), reference)
  }
  expect_true(TRUE)
})

test_that("formulas from strings, within functions, and in lapply()", {
  local_fit <- function(response, d) {
    by <- rep(1, nrow(d))
    shift <- 0
    rlmm(paste(response, "~ I(Days + shift) + (1 | Subject)"), d, weights = by)
  }
  expect_equal(local_fit("Reaction", grouped())$criterion, reference$criterion)
  fits <- lapply(c("Days", "I(Days)"), function(right) {
    mine <- grouped()
    rlmm(as.formula(paste("Reaction ~", right, "+ (1 | Subject)")), data = mine, weights = w)
  })
  expect_equal(fits[[1]]$criterion, fits[[2]]$criterion)
  formula <- Reaction ~ Days + (1 | Subject)
  expect_same_fit(rlmm(formula, grouped()), reference)
  expect_same_fit(do.call(rlmm, list(formula, quote(grouped()))), reference)
  through <- function(...) rlmm(...)
  fit <- through(Reaction ~ Days + (1 | Subject), grouped(), weights = w)
  expect_equal(fit$call, quote(
    rlmm(formula = Reaction ~ Days + (1 | Subject), data = grouped(), weights = w)
  ), ignore_formula_env = TRUE)
})

test_that("a fit made within a function is small, and is not more after it was saved", {
  inside <- function() {
    ballast <- rnorm(1e6)
    d <- grouped()
    double <- function(x) 2 * x
    rlmm(Reaction ~ double(Days) + (1 | Subject), d)
  }
  fit <- inside()
  expect_lt(length(serialize(fit, NULL)), 50000)
  again <- unserialize(serialize(fit, NULL))
  expect_equal(predict(again, data.frame(Days = 3, Subject = "308")),
    predict(reference, data.frame(Days = 3, Subject = "308")), tolerance = 1e-6)
})

test_that("matrices as covariates and as response", {
  d <- grouped()
  d$M <- cbind(linear = d$Days, square = d$Days^2)
  fit <- rlmm(scale(Reaction, scale = FALSE) ~ M + (1 | Subject), d)
  expect_equal(names(fit$beta), c("(Intercept)", "Mlinear", "Msquare"))
  expect_equal(unname(fit$beta[-1]),
    unname(rlmm(Reaction ~ Days + I(Days^2) + (1 | Subject), d)$beta[-1]), tolerance = 1e-6)
})

test_that("no fixed effect at all", {
  fit <- rlmm(Reaction ~ 0 + (1 | Subject), grouped())
  expect_length(fit$beta, 0)
  expect_equal(fit$dims[["p"]], 0)
})

test_that("rows of weight zero are out of the fit, and in the frame", {
  d <- grouped()
  d$w[c(4, 90)] <- 0
  weighted <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  without <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w, subset = w > 0)
  expect_same_fit(weighted, without)
  expect_equal(weighted$dims, without$dims)
  expect_equal(nrow(weighted$frame), 180)
})

test_that("columns on very different scales", {
  d <- grouped()
  for (scale in c(1e-12, 1e12)) {
    d$Days <- sleepstudy$Days * scale
    fit <- rlmm(Reaction ~ Days + (Days | Subject), d)
    expect_equal(fit$criterion - 2 * log(scale), slope$criterion, tolerance = 1e-8)
    expect_equal(fit$beta[["Days"]] * scale, slope$beta[["Days"]], tolerance = 1e-6)
  }
})

test_that("a million levels", {
  skip_on_cran()
  n <- 1000000
  set.seed(2)
  d <- data.frame(g = rep(seq_len(n), 2))
  d$y <- rnorm(n)[d$g] + rnorm(2 * n)
  fit <- rlmm(y ~ 1 + (1 | g), d)
  expect_length(fit$random[[1]]$levels, n)
  expect_equal(fit$theta, 1, tolerance = 0.01)
  expect_equal(fit$sigma, 1, tolerance = 0.01)
})

test_that("a response that the model explains perfectly ends in an answer or in a clear error", {
  d <- grouped()
  d$exact <- 3 + 2 * d$Days
  fit <- tryCatch(suppressWarnings(quietly(rlmm(exact ~ Days + (1 | Subject), d))),
    rlmm_error = identity)
  if (inherits(fit, "rlmm")) {
    expect_true(all(is.finite(c(fit$criterion, fit$beta, fit$sigma, fit$theta, fit$u))))
  } else {
    expect_match(conditionMessage(fit), "exactly|perfectly")
  }
})

test_that("known residual variances: as many levels as observations, when asked for", {
  skip_if_not_installed("lme4")
  d <- data.frame(y = c(0.1, 0.5, -0.2, 0.9, 0.3, 0.4, -0.5, 0.2), study = 1:8, v = 8:1 / 10)
  allow <- rlmm_control(check = list(nobs_vs_nlev = "ignore", nobs_vs_nRE = "ignore"))
  fit <- quietly(rlmm(y ~ 1 + (1 | study), d, weights = 1 / v, control = allow))
  expect_true(is.finite(fit$criterion))
})

test_that("devFunOnly, start and verbose", {
  d <- grouped()
  f <- rlmm(Reaction ~ Days + (Days | Subject), d, devFunOnly = TRUE)
  expect_equal(f(slope$theta), slope$criterion)
  expect_rlmm_error(f(1), "start", "3 finite numbers", "Subject.Days")
  from <- function(start) rlmm(Reaction ~ Days + (Days | Subject), d, start = start)
  expect_same_fit(from(slope$theta), slope)
  expect_same_fit(from(list(theta = c(1, 0, 1))), slope)
  expect_output(rlmm(Reaction ~ Days + (Days | Subject), d, verbose = 1),
    "evaluation +5: criterion 1743")
})

test_that("the steps together are rlmm()", {
  frame <- rlmm_frame(Reaction ~ Days + (Days | Subject), grouped())
  fit <- rlmm_object(frame, rlmm_optimize(rlmm_devfun(frame)), slope$call)
  expect_same_fit(fit, slope)
  expect_equal(names(fit), names(slope))
})

test_that("a singular fit says where", {
  d <- grouped()
  set.seed(1)
  d$noise <- rnorm(180)
  d$noise <- d$noise - ave(d$noise, d$Subject)
  expect_message(rlmm(noise ~ Days + (1 | Subject), d), "variance of (1 | Subject) is zero",
    fixed = TRUE, class = "rlmm_singular")
  slopes <- vapply(split(d, d$Subject), function(s) coef(lm(noise ~ Days, s))[[2]], 0)
  d$y <- d$noise - slopes[d$Subject] * d$Days + 3 * rnorm(18)[d$Subject]
  expect_message(fit <- rlmm(y ~ Days + (Days || Subject), d), "0 + Days | Subject",
    fixed = TRUE, class = "rlmm_singular")
  expect_match(fit$optinfo$messages, "variance of (0 + Days | Subject) is zero", fixed = TRUE,
    all = FALSE)
})

test_that("directions without variance are found whatever the scale and location of a column", {
  term <- function(Days) {
    list(list(call = "Days | g", columns = c("(Intercept)", "Days"), Z = cbind(1, Days)))
  }
  perfect <- c(1, 2, 0)
  text <- singular_directions(term(0:9), perfect)[[1]]$text
  expect_match(text, "combination (Intercept) - 0.5 Days has", fixed = TRUE)
  far <- singular_directions(term(0:9 * 1e12), c(1, 2e-12, 0))[[1]]$text
  expect_match(far, "combination (Intercept) - 5e+11 Days has", fixed = TRUE)
  expect_length(singular_directions(term(0:9), c(1, 0.2, 0.5)), 0)
  # the same covariance with the column in other units
  expect_length(singular_directions(term(0:9 * 1e-9), c(1, 0.2e9, 0.5e9)), 0)
  expect_length(singular_directions(term(0:9 * 1e9), c(1, 0.2e-9, 0.5e-9)), 0)
  expect_match(singular_directions(term(0:9), c(1, 0, 0))[[1]]$text, "variance of 'Days'")
  expect_match(singular_directions(term(0:9), c(0, 0, 0))[[1]]$text, "variance of (Days | g)",
    fixed = TRUE)
})

test_that("the quick look at a term never misses a singular one", {
  set.seed(1)
  for (i in 1:300) {
    p <- sample(2L, 1L)
    Z <- matrix(rnorm(20 * p), 20) %*% diag(10^runif(p, -6, 6), p)
    if (p == 2L && i %% 3 == 0) Z[, 1L] <- Z[, 2L] * (1 + 10^runif(1, -9, 0) * rnorm(20))
    lambda <- matrix(rnorm(p * p) * 10^runif(p * p, -6, 2), p)
    if (i %% 5 == 0) lambda[p, p] <- 0
    lambda[upper.tri(lambda)] <- 0
    lower <- solve(diag(sqrt(colMeans(Z^2)), p), lambda)[lower.tri(lambda, diag = TRUE)]
    lambda[lower.tri(lambda, diag = TRUE)] <- lower
    smallest <- min(svd(row_scale(list(Z = Z)) %*% lambda)$d)
    if (is_far_from_singular(Z, lower, 1e-4)) expect_gte(smallest, 1e-4 * (1 - 1e-12))
  }
  Z <- cbind(1, 0:9)
  expect_true(is_far_from_singular(Z, c(1, 0.2, 0.5), 1e-4))
  expect_true(is_far_from_singular(NULL, 0.3, 1e-4))
  expect_false(is_far_from_singular(NULL, 0, 1e-4))
})
