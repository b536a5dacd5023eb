# anova(): tables against lme4's, and the checks that lme4 does not make.

quiet_anova <- function(...) suppressMessages(anova(...))

expect_same_table <- function(ours, theirs, tolerance = 1e-5) {
  expect_equal(names(ours)[seq_along(theirs)], names(theirs))
  expect_equal(as.matrix(ours)[, names(theirs)], as.matrix(theirs), tolerance = tolerance,
    ignore_attr = TRUE)
}

test_that("the table of one model is lme4's", {
  for (name in c("slope", "weighted", "offset", "exclude", "deficient", "poly", "three", "cake",
    "penicillin", "pastes")) {
    ours <- anova(our_fit(name), ddf = "none")
    theirs <- anova(lme4_fit(name))
    expect_equal(attr(ours, "heading"), attr(theirs, "heading"))
    expect_equal(row.names(ours), row.names(theirs), label = name)
    expect_same_table(ours, theirs)
  }
})

test_that("sequential sums of squares follow from generalised least squares", {
  fit <- our_fit("weighted")
  d <- method_data()
  Z <- as.matrix(getME(fit, "Z"))
  Lambda <- as.matrix(getME(fit, "Lambda"))
  V <- tcrossprod(Z %*% Lambda) + diag(1 / d$w)
  rss <- function(X) {
    R <- chol(V)
    W <- backsolve(R, X, transpose = TRUE)
    y <- backsolve(R, d$Reaction, transpose = TRUE)
    sum(qr.resid(qr(W), y)^2)
  }
  expect_equal(anova(fit, ddf = "none")[["Sum Sq"]], rss(matrix(1, 180)) - rss(cbind(1, d$Days)))
})

test_that("a model without fixed effects or with the intercept alone has an empty table", {
  for (ddf in ddf_methods) {
    expect_equal(nrow(anova(our_fit("penicillin"), ddf = ddf)), 0)
    expect_equal(nrow(anova(rlmm(Reaction ~ 0 + (1 | Subject), sleepstudy), ddf = ddf)), 0)
  }
})

# Pairs of models, smaller first; `data` as in method_models.
pairs <- list(
  fixed = list(Reaction ~ 1 + (Days | Subject), Reaction ~ Days + (Days | Subject)),
  slope = list(Reaction ~ Days + (1 | Subject), Reaction ~ Days + (Days | Subject)),
  split = list(Reaction ~ Days + (Days || Subject), Reaction ~ Days + (Days | Subject)),
  crossed = list(diameter ~ 1 + (1 | sample), diameter ~ 1 + (1 | plate) + (1 | sample),
    data = "Penicillin"),
  nested = list(strength ~ 1 + (1 | batch:cask), strength ~ 1 + (1 | batch / cask),
    data = "Pastes"),
  cake = list(angle ~ recipe + temperature + (1 | recipe:replicate),
    angle ~ recipe * temperature + (1 | recipe:replicate), data = "cake"),
  weighted = list(miss ~ 1 + offset(o) + (1 | Subject), miss ~ Days + offset(o) + (1 | Subject),
    weights = quote(w)),
  deficient = list(Reaction ~ z + (1 | Subject), Reaction ~ Days + Days2 + z + (1 | Subject))
)

fit_pair <- function(pair, fitter) {
  data <- pair$data
  d <- if (is.null(data)) method_data() else getExportedValue("lme4", data)
  lapply(pair[1:2], function(formula) {
    arguments <- list(formula, quote(d), weights = pair$weights)
    call <- as.call(c(list(fitter), arguments[!vapply(arguments, is.null, NA)]))
    suppressMessages(eval(call))
  })
}

test_that("likelihood ratio tests are lme4's", {
  skip_if_not_installed("lme4")
  for (name in names(pairs)) {
    ours <- fit_pair(pairs[[name]], quote(rlmm))
    theirs <- fit_pair(pairs[[name]], quote(lme4::lmer))
    table <- quiet_anova(ours[[2]], ours[[1]], model.names = c("large", "small"))
    reference <- quiet_anova(theirs[[2]], theirs[[1]], model.names = c("large", "small"))
    expect_equal(row.names(table), row.names(reference), label = name)
    expect_equal(attr(table, "heading")[1:2], c("Data: d", "Models:"))
    expect_same_table(table, reference)
    table <- suppressWarnings(quiet_anova(ours[[1]], ours[[2]], refit = FALSE))
    reference <- suppressWarnings(anova(theirs[[1]], theirs[[2]], refit = FALSE))
    expect_same_table(table, reference)
  }
})

test_that("models by rlmm, lmer and lm can stand in one table", {
  skip_if_not_installed("lme4")
  large <- our_fit("slope")
  d <- method_data()
  theirs <- lme4::lmer(Reaction ~ Days + (1 | Subject), d)
  plain <- lm(Reaction ~ Days, d)
  table <- quiet_anova(large, theirs, plain)
  expect_equal(row.names(table), c("plain", "theirs", "large"))
  reference <- quiet_anova(lme4_fit("slope"), theirs, plain)
  expect_same_table(table, reference)
  # REML criteria of the three
  table <- quiet_anova(large, theirs, plain, refit = "auto")
  expect_equal(table$deviance, c(-2 * as.numeric(logLik(plain, REML = TRUE)),
    lme4::REMLcrit(theirs), REMLcrit(large)))
  devfun <- as.function(rlmm(Reaction ~ Days + (1 | Subject), d))
  expect_equal(table$deviance[1], devfun(0))
})

test_that("the REML criterion of lm() is ours without random effects, with weights too", {
  d <- method_data()
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d, weights = w)
  plain <- lm(Reaction ~ Days, d, weights = w)
  expect_equal(as.function(fit)(0), -2 * as.numeric(logLik(plain, REML = TRUE)))
})

test_that("the message says which comparison is shown", {
  slope <- our_fit("slope")
  smaller <- rlmm(Reaction ~ Days + (1 | Subject), method_data())
  fixed <- rlmm(Reaction ~ 1 + (Days | Subject), method_data())
  expect_message(anova(slope, smaller), "maximum likelihood: REML fits", class = "rlmm_comparison")
  expect_message(anova(slope, smaller, refit = "auto"), "REML criteria: valid")
  expect_message(anova(slope, fixed, refit = "auto"), "maximum likelihood")
  expect_message(table <- anova(slope, smaller, refit = FALSE), "REML criteria: valid")
  expect_equal(table$deviance, c(REMLcrit(smaller), REMLcrit(slope)))
  expect_warning(anova(slope, fixed, refit = FALSE), "NOT valid", class = "rlmm_reml_comparison")
  expect_warning(anova(slope, refitML(smaller), refit = FALSE), class = "rlmm_reml_comparison")
  expect_message(anova(slope, refitML(smaller), refit = "auto"), "maximum likelihood")
  expect_silent(table <- anova(refitML(slope), refitML(fixed)))
  expect_equal(attr(table, "comparison"), "Comparison by maximum likelihood")
})

test_that("REML criteria of another coding are refitted", {
  d <- method_data()
  one <- rlmm(y ~ h + (1 | Subject), d)
  two <- rlmm(y ~ h + (Days | Subject), d, contrasts = list(h = "contr.sum"))
  expect_message(anova(one, two, refit = "auto"), "maximum likelihood")
  expect_warning(anova(one, two, refit = FALSE), "coding", class = "rlmm_reml_comparison")
})

test_that("models of other data or another response are refused", {
  d <- method_data()
  fit <- our_fit("slope")
  rows <- rlmm(Reaction ~ Days + (1 | Subject), d[-1, ])
  expect_rlmm_error(anova(fit, rows), "different_data", "180", "179")
  logs <- rlmm(log(Reaction) ~ Days + (1 | Subject), d)
  expect_rlmm_error(anova(fit, logs), "different_response", "'fit' and 'logs'")
  expect_rlmm_error(anova(fit, lm(y ~ Days, d)), "different_response")
  expect_rlmm_error(anova(fit, glm(Reaction ~ Days, data = d)), "bad_argument", "glm")
  expect_rlmm_error(anova(fit, 3), "bad_argument", "argument 2", "numeric")
  expect_rlmm_error(anova(fit, type = 4), "bad_argument", "'type'")
  expect_rlmm_error(anova(fit, tipe = 3), "bad_argument", "'tipe'")
  expect_rlmm_error(anova(fit, fit, refit = 2), "bad_argument", "'refit'")
  expect_rlmm_error(anova(fit, fit, model.names = "a"), "bad_argument", "'model.names'")
})

test_that("models that are not nested get no test", {
  d <- method_data()
  a <- rlmm(y ~ Days + (1 | Subject), d, REML = FALSE)
  b <- rlmm(y ~ z + h + (1 | Subject), d, REML = FALSE)
  w <- expect_warning(table <- anova(a, b), "fixed effects", class = "rlmm_not_nested")
  expect_equal(w$term, c("a", "b"))
  expect_true(is.na(table$Chisq[2]) && is.na(table[["Pr(>Chisq)"]][2]))
  expect_equal(table$AIC, c(AIC(a), AIC(b)))
  b <- rlmm(y ~ Days + (z | h), d, REML = FALSE)
  expect_warning(anova(a, b), "random effects", class = "rlmm_not_nested")
  b <- rlmm(y ~ Days + (z | Subject), d, REML = FALSE, weights = w)
  expect_warning(anova(a, b), "weights", class = "rlmm_not_nested")
})

nested_in <- function(small, large, data = method_data()) {
  parts <- lapply(list(small, large), function(formula) {
    fit <- suppressWarnings(suppressMessages(rlmm(formula, data)))
    model_parts(fit, "")
  })
  isTRUE(nesting(parts[[1]], parts[[2]]))
}

test_that("nesting is judged by means and covariances, not by formulas", {
  expect_true(nested_in(y ~ Days + (1 | Subject), y ~ poly(Days, 2) + (Days | Subject)))
  expect_true(nested_in(y ~ Days + (Days || Subject), y ~ I(Days * 2) + (I(3 - Days) | Subject)))
  expect_false(nested_in(y ~ Days + (Days | Subject), y ~ Days + z + (Days || Subject)))
  expect_true(nested_in(y ~ 1 + (1 | Subject) + (1 | Subject:h), y ~ 1 + (0 + h | Subject)))
  expect_false(nested_in(y ~ 1 + (1 | h), y ~ 1 + (1 | Subject:h)))
  # a known slope is a special case of an estimated one
  expect_true(nested_in(y ~ 1 + offset(o) + (1 | Subject), y ~ Days + (1 | Subject)))
  expect_false(nested_in(y ~ 1 + offset(o) + (1 | Subject), y ~ z + (1 | Subject)))
})

test_that("comparing models leaves the random numbers alone", {
  fits <- list(our_fit("slope"), our_fit("split"))
  set.seed(1)
  before <- .Random.seed
  quiet_anova(fits[[1]], fits[[2]])
  expect_identical(.Random.seed, before)
})

test_that("one variance more is tested by the mixture", {
  d <- method_data()
  large <- our_fit("slope")
  one <- rlmm(Reaction ~ Days + (1 | Subject), d)
  none <- lm(Reaction ~ Days, d)
  table <- quiet_anova(large, one, none)
  x <- table$Chisq
  expect_equal(table[["Pr(>mixture)"]], c(NA, pchisq(x[2], 1, lower.tail = FALSE) / 2,
    (pchisq(x[3], 1, lower.tail = FALSE) + pchisq(x[3], 2, lower.tail = FALSE)) / 2))
  expect_equal(names(table)[8], "Pr(>Chisq)")
  # a covariance alone, two variances at once, and a fixed effect as well: no such column
  expect_null(quiet_anova(large, our_fit("split"))[["Pr(>mixture)"]])
  expect_null(quiet_anova(large, none)[["Pr(>mixture)"]])
  other <- rlmm(Reaction ~ 1 + (1 | Subject), d)
  expect_null(quiet_anova(large, other)[["Pr(>mixture)"]])
  # a term beside others
  table <- quiet_anova(our_fit("split"), one)
  expect_equal(table[["Pr(>mixture)"]][2], table[["Pr(>Chisq)"]][2] / 2)
})

test_that("there is no mixture where the smaller model is singular", {
  skip_if_not_installed("lme4")
  d <- transform(lme4::Dyestuff2, g = gl(5, 1, 30))
  small <- suppressMessages(rlmm(Yield ~ 1 + (1 | Batch), d))
  large <- suppressMessages(rlmm(Yield ~ 1 + (1 | Batch) + (1 | g), d))
  expect_true(isSingular(small))
  expect_null(quiet_anova(large, small)[["Pr(>mixture)"]])
})

test_that("the point at zero counts", {
  expect_equal(mixture_p_value(0, 1L), 1)
  expect_equal(mixture_p_value(2.705543, 1L), 0.05, tolerance = 1e-6)
  expect_equal(mixture_p_value(5.138, 2L), 0.05, tolerance = 1e-3)
})

test_that("the printed table is lme4's, with the mixture below it", {
  d <- method_data()
  slope <- our_fit("slope")
  one <- rlmm(Reaction ~ Days + (1 | Subject), d)
  text <- capture.output(print(quiet_anova(slope, one)))
  expect_match(text, "Pr(>Chisq)", fixed = TRUE, all = FALSE)
  expect_match(text, "one in slope: Pr(>mixture) = 3.96", fixed = TRUE, all = FALSE)
  skip_if_not_installed("lme4")
  theirs <- quiet_anova(lme4_fit("slope"), lme4::lmer(Reaction ~ Days + (1 | Subject), d),
    model.names = c("slope", "one"))
  reference <- capture.output(print(theirs))
  expect_equal(text[seq_along(reference)], reference)
})

test_that("models are named by their expressions, by arguments, or by number", {
  slope <- our_fit("slope")
  split <- our_fit("split")
  expect_equal(row.names(quiet_anova(slope, small = split)), c("small", "slope"))
  expect_equal(row.names(quiet_anova(slope, split, model.names = c("a", "b"))), c("b", "a"))
  expect_equal(row.names(suppressMessages(do.call(anova, list(slope, split)))),
    c("model2", "model1"))
})

test_that("AIC and BIC warn of REML fits that cannot be compared", {
  d <- method_data()
  slope <- our_fit("slope")
  fixed <- rlmm(Reaction ~ 1 + (Days | Subject), d)
  expect_warning(table <- AIC(slope, fixed), class = "rlmm_reml_comparison")
  expect_equal(row.names(table), c("slope", "fixed"))
  expect_equal(table$AIC, c(AIC(slope), AIC(fixed)))
  expect_warning(BIC(slope, fixed), class = "rlmm_reml_comparison")
  expect_warning(AIC(slope, lm(Reaction ~ Days, d)), class = "rlmm_reml_comparison")
  expect_silent(AIC(slope, our_fit("split")))
  expect_silent(AIC(refitML(slope), refitML(fixed), lm(Reaction ~ Days, d)))
  expect_equal(AIC(slope, k = 3), AIC(slope) + 6)
})
