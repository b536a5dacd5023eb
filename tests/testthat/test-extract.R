models <- names(method_models)

test_that("estimates and criteria are lme4's", {
  for (name in models) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    expect_equal(fixef(ours), nlme::fixef(theirs), tolerance = 1e-4, label = name)
    expect_equal(sigma(ours), sigma(theirs), tolerance = 1e-4, label = name)
    expect_equal(vcov(ours), as.matrix(vcov(theirs)), tolerance = 1e-3, label = name)
    expect_equal(plain(logLik(ours)), plain(logLik(theirs)), tolerance = 1e-7, label = name)
    for (what in c("df", "nobs", "nall")) {
      expect_equal(attr(logLik(ours), what), attr(logLik(theirs), what), label = name)
    }
    expect_equal(AIC(ours), AIC(theirs), tolerance = 1e-7, label = name)
    expect_equal(BIC(ours), BIC(theirs), tolerance = 1e-7, label = name)
    expect_equal(REMLcrit(ours), lme4::REMLcrit(theirs), tolerance = 1e-7, label = name)
    expect_equal(deviance(ours, REML = FALSE), deviance(theirs, REML = FALSE),
      tolerance = 1e-6, label = name)
    expect_equal(logLik(ours, REML = FALSE)[1], logLik(theirs, REML = FALSE)[1],
      tolerance = 1e-6, label = name)
  }
})

test_that("counts are lme4's", {
  for (name in models) {
    ours <- our_fit(name)
    theirs <- lme4_fit(name)
    expect_equal(nobs(ours), nobs(theirs), label = name)
    expect_equal(df.residual(ours), df.residual(theirs), label = name)
    expect_equal(ngrps(ours), lme4::ngrps(theirs), label = name)
    expect_identical(isREML(ours), lme4::isREML(theirs), label = name)
    expect_identical(isSingular(ours), lme4::isSingular(theirs), label = name)
  }
})

test_that("a REML fit's deviance warns, and an ML fit's does not", {
  expect_warning(d <- deviance(our_fit("slope")), class = "rlmm_reml_deviance")
  expect_equal(d, REMLcrit(our_fit("slope")))
  expect_silent(deviance(our_fit("slope_ml")))
  expect_equal(deviance(our_fit("slope"), REML = TRUE), REMLcrit(our_fit("slope")))
})

test_that("vcov is a base matrix with names", {
  v <- vcov(our_fit("slope"))
  expect_true(is.matrix(v) && !isS4(v))
  expect_identical(dimnames(v), list(c("(Intercept)", "Days"), c("(Intercept)", "Days")))
})

test_that("redundant columns are NA only when asked for", {
  fit <- our_fit("deficient")
  expect_named(fixef(fit), c("(Intercept)", "Days", "z"))
  expect_equal(fixef(fit, add.dropped = TRUE)[["Days2"]], NA_real_)
  expect_named(fixef(fit, add.dropped = TRUE), c("(Intercept)", "Days", "Days2", "z"))
  expect_equal(dim(model.matrix(fit)), c(180L, 3L))
})

test_that("formula, terms, frame and matrix are those of the model", {
  fit <- our_fit("three")
  theirs <- lme4_fit("three")
  expect_equal(formula(fit, fixed.only = TRUE), y ~ Days + z, ignore_attr = TRUE)
  expect_equal(formula(fit, random.only = TRUE), formula(theirs, random.only = TRUE),
    ignore_attr = TRUE)
  expect_equal(formula(fit), formula(theirs), ignore_attr = TRUE)
  expect_error(formula(fit, fixed.only = TRUE, random.only = TRUE), class = "rlmm_bad_argument")
  expect_equal(attr(terms(fit), "term.labels"), c("Days", "z"))
  expect_setequal(all.vars(terms(fit, fixed.only = FALSE)), names(model.frame(theirs)))
  expect_setequal(all.vars(terms(fit, random.only = TRUE)), c("y", "Subject", "Days", "z", "h"))
  expect_setequal(names(model.frame(fit)), names(model.frame(theirs)))
  expect_equal(names(model.frame(fit, fixed.only = TRUE)), c("y", "Days", "z"))
  cake <- our_fit("cake")
  X <- model.matrix(lme4_fit("cake"))
  expect_equal(plain(model.matrix(cake)), plain(X))
  expect_equal(attr(model.matrix(cake), "assign"), attr(X, "assign"))
  expect_equal(attr(model.matrix(cake), "contrasts"), attr(X, "contrasts"))
  expect_equal(as.matrix(model.matrix(fit, type = "random")), as.matrix(lme4::getME(theirs, "Z")),
    ignore_attr = TRUE)
  expect_equal(lapply(model.matrix(fit, type = "randomListRaw"), plain),
    lapply(model.matrix(theirs, type = "randomListRaw"), plain), ignore_attr = TRUE)
})

test_that("weights are padded after na.exclude, and one where none were given", {
  expect_equal(weights(our_fit("slope")), rep(1, 180))
  expect_equal(weights(our_fit("weighted")), method_data()$w)
  expect_length(weights(our_fit("exclude")), 180)
})

test_that("rows of weight zero count in nothing but the fitted values", {
  d <- method_data()
  d$w[c(1, 30)] <- 0
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  without <- rlmm(Reaction ~ Days + (Days | Subject), d[-c(1, 30), ], weights = w)
  expect_equal(nobs(fit), 178)
  expect_equal(logLik(fit), logLik(without))
  expect_length(fitted(fit), 180)
  expect_equal(fitted(fit)[-c(1, 30)], fitted(without), tolerance = 1e-6)
  expect_equal(predict(fit, d)[1], fitted(fit)[1])
})

test_that("a level that has rows of weight zero only has no random effect", {
  d <- method_data()
  d$w[d$Subject == "308"] <- 0
  fit <- rlmm(Reaction ~ Days + (Days | Subject), d, weights = w)
  expect_equal(ngrps(fit), c(Subject = 17))
  expect_equal(nrow(ranef(fit)$Subject), 17)
  expect_equal(fitted(fit)[1:10], predict(fit, re.form = NA)[1:10])
  expect_equal(predict(fit, random.only = TRUE)[1:10], setNames(rep(0, 10), 1:10))
  expect_error(predict(fit, d), "308", class = "rlmm_new_levels")
  expect_length(residuals(fit), 180)
  expect_equal(dim(getME(fit, "Z")), c(180L, 34L))
  expect_output(print(summary(fit)), "Number of obs: 170, groups:  Subject, 17")
})

test_that("update() fits the changed model, also when the formula's variable is gone", {
  fit_one <- function() {
    shape <- Reaction ~ Days + (1 | Subject)
    rlmm(shape, sleepstudy)
  }
  fit <- fit_one()
  expect_false(isREML(update(fit, REML = FALSE)))
  expect_equal(fixef(update(fit, . ~ . - Days)), c(`(Intercept)` = 298.5079), tolerance = 1e-5)
  more <- update(fit, . ~ . - (1 | Subject) + (Days || Subject))
  expect_equal(REMLcrit(more), REMLcrit(our_fit("split")), tolerance = 1e-7)
  half <- sleepstudy[sleepstudy$Days < 5, ]
  expect_equal(nobs(update(fit, data = half)), 90)
  expect_equal(as.list(update(fit, weights = Days + 1, evaluate = FALSE))$weights, quote(Days + 1))
  expect_null(update(update(fit, weights = Days + 1), weights = NULL)$call$weights)
})

test_that("update() finds functions that only the formula's environment had", {
  make <- function() {
    centre <- function(x) x - 4.5
    rlmm(Reaction ~ centre(Days) + (1 | Subject), sleepstudy)
  }
  expect_equal(names(fixef(update(make(), REML = FALSE))), c("(Intercept)", "centre(Days)"))
})

test_that("a model without fixed effects has empty fixed parts", {
  fit <- rlmm(Reaction ~ 0 + (1 | Subject), sleepstudy)
  expect_length(fixef(fit), 0)
  expect_equal(dim(vcov(fit)), c(0L, 0L))
  expect_length(fitted(fit), 180)
  expect_equal(attr(logLik(fit), "df"), 2)
  expect_output(print(summary(fit)), "No fixed effect")
})

test_that("isSingular() does not depend on the units or the origin of a covariate", {
  for (days in list(sleepstudy$Days * 1e8, sleepstudy$Days * 1e-8, sleepstudy$Days + 1e5)) {
    d <- transform(sleepstudy, Days = days)
    expect_false(isSingular(rlmm(Reaction ~ Days + (Days | Subject), d)))
  }
  expect_true(isSingular(our_fit("singular")))
  expect_false(isSingular(our_fit("slope")))
})

test_that("the record of the search can be printed", {
  info <- optinfo(our_fit("slope"))
  expect_s3_class(info, "rlmm_optinfo")
  expect_true(all(c("evaluations", "trace", "gradient", "hessian", "certificate") %in% names(info)))
  expect_output(print(info), "evaluations")
  expect_error(optinfo(1), class = "rlmm_no_method")
})

test_that("family, call and data can be had", {
  fit <- rlmm(Reaction ~ Days + (1 | Subject), sleepstudy)
  expect_equal(family(fit)$family, "gaussian")
  expect_equal(getCall(fit)$data, quote(sleepstudy))
  expect_equal(dim(getData(fit)), dim(sleepstudy))
})

test_that("the data are found where the user could have them, whatever their name", {
  local <- function() {
    data <- transform(sleepstudy, square = Days^2)
    object <- rlmm(log(Reaction) ~ sqrt(square) + (1 | Subject), data)
    list(own = getData(object), effect = plot_effect(object, "square"), fit = object)
  }
  found <- local()
  expect_named(found$own, c("Reaction", "Days", "Subject", "square"))
  expect_s3_class(found$effect, "trellis")
  # from elsewhere they are out of reach, and the variables of the model are kept
  expect_equal(getData(found$fit), found$own[c("Reaction", "square", "Subject")],
    ignore_attr = "row.names")
  found$fit$raw <- NULL
  expect_identical(getData(found$fit), model.frame(found$fit))
})

test_that("other data under the same name are not taken for those of the fit", {
  d <- sleepstudy
  fit <- rlmm(Reaction ~ Days + (1 | Subject), d, subset = Days > 0)
  expect_identical(getData(fit), d)
  d$more <- 1
  expect_identical(getData(fit), d)
  d <- d[180:1, ]
  expect_identical(getData(fit), d)
  kept <- sleepstudy[sleepstudy$Days > 0, ]
  d$Reaction[7] <- 0
  expect_equal(getData(fit), kept)
  d <- sleepstudy[1:20, ]
  expect_equal(getData(fit), kept)
  d <- "other"
  expect_equal(getData(fit), kept)
  h <- transform(sleepstudy, Subject = as.character(Subject))
  fit <- rlmm(Reaction ~ Days + (1 | Subject), h)
  expect_identical(getData(fit), h)
})

test_that("rows left out because of missing values can be asked for", {
  expect_equal(as.vector(na.action(our_fit("exclude"))), c(3L, 50L))
  expect_s3_class(na.action(our_fit("exclude")), "exclude")
  expect_null(na.action(our_fit("slope")))
})

test_that("a linear model is no other kind of model", {
  fit <- our_fit("slope")
  expect_true(isLMM(fit))
  expect_false(isGLMM(fit) || isNLMM(fit))
  expect_equal(ngrps(gl(3, 2)), 3)
  skip_if_not_installed("lme4")
  expect_false(isGLMM(lme4_fit("slope")) || isNLMM(lme4_fit("slope")))
})

test_that("a saved fit answers in a new session, without its data", {
  skip_if_not(installed(), "rlmm is not installed")
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  fit <- our_fit("three")
  saveRDS(fit, file)
  out <- run_in_new_session(c(
    "suppressMessages(library(rlmm))", paste0("fit <- readRDS(", deparse(file), ")"),
    "cat(format(getME(fit, 'devfun')(fit$theta) - fit$criterion, digits = 3), '\\n')",
    "cat(nrow(ranef(fit)$Subject), length(predict(fit)), ncol(model.matrix(fit)), '\\n')",
    "invisible(capture.output(print(fit), summary(fit)))",
    "new <- data.frame(Days = 1, z = 0, Subject = '308', h = 'a')",
    "cat(format(predict(fit, new), digits = 10), '\\n')"
  ))
  expect_lt(abs(as.numeric(out[1])), 1e-6)
  expect_equal(trimws(out[2]), "18 180 3")
  new <- data.frame(Days = 1, z = 0, Subject = "308", h = "a")
  expect_equal(as.numeric(out[3]), predict(fit, new)[[1]], tolerance = 1e-8)
})

test_that("a fit made in steps has no call to update", {
  frame <- rlmm_frame(Reaction ~ Days + (1 | Subject), sleepstudy)
  fit <- rlmm_object(frame, rlmm_optimize(rlmm_devfun(frame)))
  expect_error(update(fit, REML = FALSE), class = "rlmm_bad_argument")
  expect_output(print(fit), "Reaction ~ Days")
})
