# Every method that lme4 and rlmm share, on six models: the same values in the same shape, that is
# names, dimensions and classes. What differs on purpose is in a table of its own, with the reason.

SIX <- c("slope", "penicillin", "pastes", "cake", "everything", "deficient")

# Calls with `fit` and, for new data, `data`.
same_calls <- expression(
  fixef(fit), fixef(fit, add.dropped = TRUE), sigma(fit), logLik(fit), logLik(fit, REML = TRUE),
  logLik(fit, REML = FALSE), deviance(fit, REML = FALSE), AIC(fit), BIC(fit), AIC(fit, k = 3),
  nobs(fit), df.residual(fit), extractAIC(fit), extractAIC(fit, k = 3), family(fit),
  lme4::ngrps(fit), lme4::isREML(fit), lme4::isLMM(fit), lme4::isGLMM(fit), lme4::isNLMM(fit),
  isSingular(fit), REMLcrit(fit), vcov(fit), vcov(fit, correlation = FALSE),
  cov2cor(as.matrix(vcov(fit))),
  ranef(fit), ranef(fit, condVar = FALSE), ranef(fit, drop = TRUE), ranef(fit)[[1]],
  attr(ranef(fit)[[1]], "postVar"), ranef(fit, whichel = names(lme4::ngrps(fit))[1]),
  coef(fit), coef(fit)[[1]], VarCorr(fit), VarCorr(fit, sigma = 2), as.data.frame(VarCorr(fit)),
  as.data.frame(VarCorr(fit), order = "lower.tri"),
  formula(fit, fixed.only = TRUE), getData(fit), case.names(fit), variable.names(fit),
  fitted(fit), residuals(fit), resid(fit, type = "pearson"), residuals(fit, type = "working"),
  residuals(fit, type = "deviance"), residuals(fit, scaled = TRUE),
  residuals(fit, "pearson", scaled = TRUE),
  predict(fit), predict(fit, re.form = NA), predict(fit, re.form = ~0),
  predict(fit, type = "response"),
  hatvalues(fit), rePCA(fit)[[1]]$sdev,
  vcov(summary(fit)), summary(fit)$varcor, summary(fit)$AICtab,
  summary(fit)$ngrps, summary(fit)$residuals, summary(fit)$sigma, summary(fit)$logLik,
  summary(fit)$isLmer, summary(fit)$useScale, summary(fit)$devcomp$cmp,
  # attributes of a vector that tells nothing else
  c(logLik(lme4::refitML(fit))), fixef(lme4::refitML(fit)), class(formula(fit))
)

# Where the calls or the values to compare are not quite the same, and why.
other_calls <- list(
  list(quote(as.character(as.data.frame(ranef(fit))$grp)),
    reason = "the order of the levels of grp is arbitrary where effects are equal"),
  list(quote(as.data.frame(ranef(fit))[c("grpvar", "term", "condval", "condsd")]),
    reason = "see above"),
  list(quote(sort(all.vars(terms(fit, fixed.only = FALSE)))),
    reason = "the formula of these terms is only a list of variables"),
  list(quote(sort(all.vars(terms(fit, random.only = TRUE)))), reason = "see above"),
  list(quote(as.list(model.frame(fit))[sort(names(model.frame(fit)))]),
    reason = "the columns are the same, their order and lme4's further attributes are not"),
  list(quote(lapply(model.frame(fit, fixed.only = TRUE), as.vector)), reason = "see above"),
  list(quote(attributes(terms(fit))[c("variables", "factors", "term.labels", "order", "intercept",
    "response", "predvars")]), reason = "ours have the classes of the variables as well"),
  list(quote(attributes(model.matrix(fit))[c("dim", "dimnames", "assign", "contrasts")]),
    reason = "lme4 has further attributes about scaling and dropped columns"),
  list(quote(as.vector(model.matrix(fit))), reason = "see above"),
  list(quote(lapply(model.matrix(fit, type = "randomListRaw"), as.vector)),
    reason = "without the attribute 'assign' of each matrix"),
  list(quote(as.matrix(model.matrix(fit, type = "random"))),
    reason = "a dgCMatrix in both; compared as a base matrix"),
  list(quote(as.matrix(weights(fit)[!is.na(weights(fit))])),
    reason = "weights are padded with NA after na.exclude, as those of lm() fits"),
  list(quote(as.function(fit)(1.1 * getME(fit, "theta"))),
    theirs = quote(update(fit, devFunOnly = TRUE)(1.1 * getME(fit, "theta"))),
    reason = "lme4's as.function() needs lme4 to be attached, and a call changes the fit itself"),
  list(quote(coef(summary(fit, ddf = "none"))), theirs = quote(coef(summary(fit))),
    reason = "ours has degrees of freedom and p values unless told otherwise"),
  list(quote(anova(fit, ddf = "none")), theirs = quote(anova(fit)), reason = "see above"),
  list(quote(rstandard(fit)), theirs = quote(rstudent(fit)),
    reason = "lme4's rstudent() divides by the same sigma for all rows: it is rstandard()"),
  list(quote(cooks.distance(fit, type = "fitted")), theirs = quote(cooks.distance(fit)),
    reason = "lme4 measures fitted values; ours measures fixed effects unless told otherwise"),
  list(quote(unname(as.matrix(drop1(fit)))),
    reason = "without terms to drop, lme4 numbers the row of the whole model"),
  list(quote(unname(as.matrix(drop1(fit, test = "Chisq")))), reason = "see above"),
  list(quote(simulate(fit, seed = 1)$sim_1), except = "everything",
    reason = "attribute 'seed' is as that of stats::simulate(); lme4 leaves the offset out"),
  list(quote(simulate(fit, seed = 1, use.u = TRUE)$sim_1), except = "everything",
    reason = "lme4 fails after na.exclude"),
  list(quote(predict(fit, random.only = TRUE)), except = "everything",
    reason = "lme4 pads twice after na.exclude"),
  list(quote(predict(fit, newparams = list(beta = 2 * lme4::getME(fit, "beta")))),
    except = "everything", reason = "lme4 pads twice after na.exclude"),
  list(quote(predict(fit, newparams = list(theta = 2 * lme4::getME(fit, "theta")))),
    except = "everything", reason = "lme4 pads twice after na.exclude"),
  list(quote(fixef(lme4::refit(fit, lme4::getME(fit, "y") + 1))), except = "everything",
    reason = "lme4 fails after na.exclude"),
  list(quote(predict(fit, data[c(1, 5, 9), ])), except = "everything",
    reason = "lme4 leaves an offset given as an argument out of predictions"),
  list(quote(predict(fit, data[c(1, 5, 9), ], re.form = NA)), except = "everything",
    reason = "see above")
)

# The same calls that give other values on purpose.
different_calls <- list(
  list(quote(deviance(fit, REML = TRUE)), on = "cake",
    reason = "lme4 1.1-31 gives another deviance; ours is the REML criterion"),
  list(quote(formula(fit)), on = "everything", reason = "lme4 writes || as two terms"),
  list(quote(formula(fit, random.only = TRUE)), on = c("pastes", "everything"),
    reason = "lme4 writes / and || as two terms"),
  list(quote(weights(fit)), on = "everything", reason = "ours are padded after na.exclude"),
  list(quote(rstudent(fit)), on = SIX, reason = "ours leaves the row out of sigma, as lm's"),
  list(quote(cooks.distance(fit)), on = SIX, reason = "ours measures the fixed effects"),
  list(quote(predict(fit, data)), on = "everything", reason = "ours has the offset"),
  list(quote(predict(fit, random.only = TRUE)), on = "everything", reason = "lme4 pads twice"),
  list(quote(simulate(fit, seed = 1)), on = "everything", reason = "ours has the offset"),
  list(quote(simulate(fit, nsim = 2, seed = 1)), on = SIX,
    reason = "lme4 draws all random effects first; ours one response after the other"),
  list(quote(ranef(fit, whichel = 1)), on = SIX, reason = "numbers will do for ours"),
  list(quote(weights(fit, type = "working")), on = SIX, reason = "lme4 refuses; they are the same"),
  list(quote(VarCorr(summary(fit))), on = SIX, reason = "lme4 1.1-31 has no such method")
)

parts_of <- function(name) {
  data <- model_data(name)
  list(ours = our_fit(name), theirs = lme4_fit(name), data = data)
}

# `d` is the name of the data in the fits' calls.
value_of <- function(call, fit, data) {
  d <- data
  tryCatch(suppressWarnings(suppressMessages(eval(call))),
    error = function(e) structure(conditionMessage(e), class = "failed"))
}

# Without our own class in front of lme4's, and formal matrices as base matrices.
comparable_value <- function(x) {
  if (isS4(x)) return(as.matrix(x))
  if (is.list(x) && any(startsWith(class(x), "rlmm_"))) {
    class(x) <- class(x)[!startsWith(class(x), "rlmm_")]
  }
  x
}

compare_values <- function(call, parts, theirs = call) {
  list(ours = comparable_value(value_of(call, parts$ours, parts$data)),
    theirs = comparable_value(value_of(theirs, parts$theirs, parts$data)))
}

expect_same_value <- function(call, name, parts, theirs = call) {
  found <- compare_values(call, parts, theirs)
  label <- paste0(name, ": ", paste(deparse(call), collapse = ""))
  expect_false(inherits(found$ours, "failed"), label = label)
  expect_equal(found$ours, found$theirs, tolerance = 1e-4, ignore_formula_env = TRUE, label = label)
}

test_that("shared methods give lme4's values in lme4's shape", {
  for (name in SIX) {
    parts <- parts_of(name)
    for (call in as.list(same_calls)) expect_same_value(call, name, parts)
  }
})

test_that("what has another shape has the same values", {
  for (entry in other_calls) {
    theirs <- if (is.null(entry$theirs)) entry[[1]] else entry$theirs
    expect_true(nzchar(entry$reason))
    for (name in setdiff(SIX, entry$except)) {
      expect_same_value(entry[[1]], name, parts_of(name), theirs)
    }
  }
})

test_that("what differs on purpose does differ", {
  for (entry in different_calls) {
    expect_true(nzchar(entry$reason))
    for (name in entry$on) {
      found <- compare_values(entry[[1]], parts_of(name))
      label <- paste0(name, ": ", deparse(entry[[1]]))
      expect_false(inherits(found$ours, "failed"), label = label)
      expect_false(isTRUE(all.equal(found$ours, found$theirs, tolerance = 1e-4)), label = label)
    }
  }
})

test_that("getME gives every name of lme4's on all six models", {
  skip_if_not_installed("lme4")
  # elimination in another order; functions; and lme4's count is wrong for ||
  other <- c("L", "RZX", "devfun", "devcomp", "q_i", "glmer.nb.theta")
  known <- eval(formals(getS3method("getME", "merMod", envir = asNamespace("lme4")))$name)
  values <- function(x) {
    if (isS4(x)) return(unname(as.matrix(x)))
    if (is.list(x)) return(lapply(x, values))
    if (is.factor(x)) as.character(x) else as.vector(x)
  }
  for (name in SIX) {
    for (what in setdiff(known, other)) {
      expect_equal(values(getME(our_fit(name), what)), values(lme4::getME(lme4_fit(name), what)),
        tolerance = 1e-3, label = paste(name, what))
    }
  }
})

# lme4 cannot leave out the levels of an interaction, nor cope with na.exclude.
test_that("influence of groups is lme4's, by refits", {
  for (name in c("slope", "penicillin", "pastes", "deficient")) {
    parts <- parts_of(name)
    group <- rev(names(ngrps(parts$ours)))[1]
    ours <- influence(parts$ours, group, refit = TRUE)
    theirs <- value_of(bquote(influence(fit, .(group))), parts$theirs, parts$data)
    rows <- rownames(theirs[[2]])
    # dfbetas() of lme4 fails with one fixed effect
    for (what in c(dfbeta, if (length(fixef(parts$ours)) > 1) dfbetas)) {
      expect_equal(plain(what(ours))[rows, ], plain(what(theirs))[rows, ], tolerance = 0.01,
        label = name)
    }
    m <- length(rows)
    p <- length(fixef(parts$ours))
    expect_equal(ours$cooks[rows] * (m - p) / m, setNames(cooks.distance(theirs), rows),
      tolerance = 0.01, label = name)
  }
})
